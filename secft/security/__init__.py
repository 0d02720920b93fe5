"""Facts of the field that every layer shares: identifiers of catalogues, the severity scale, CVSS."""
