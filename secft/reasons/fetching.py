"""Why an address was not fetched, and why a page of the web becomes no document."""

from __future__ import annotations

from secft.reasons.words import Words

FETCHING: Words = {
    "fetch.scheme": ("neither http nor https", "ni http ni https"),
    "fetch.credentials": ("credentials in the address", "credenciales en la dirección"),
    "fetch.bad_address": ("bad address", "dirección no válida"),
    "fetch.private_address": ("not a public address", "no es una dirección pública"),
    "fetch.redirects": ("too many redirects", "demasiadas redirecciones"),
    "fetch.downgrade": ("redirect from https to http", "redirección de https a http"),
    "fetch.too_large": ("too large", "demasiado grande"),
    "fetch.status": ("the server answers with status {0}", "el servidor responde con el estado {0}"),
    "fetch.timeout": ("timeout", "sin respuesta a tiempo"),
    "fetch.certificate": ("TLS certificate", "certificado TLS"),
    "fetch.no_host": ("no such host", "no existe ese servidor"),
    "fetch.no_name_server": ("no name server", "ningún servidor de nombres"),
    "fetch.connection": ("broken connection", "conexión interrumpida"),
    "fetch.encoding": ("unknown content encoding", "codificación de contenido desconocida"),
    "fetch.broken_body": ("broken answer", "respuesta dañada"),
    "web.robots": ("robots.txt", "robots.txt no lo permite"),
    "web.other_domain": ("other domain", "otro dominio"),
    "web.not_page": ("not a page", "no es una página"),
    "web.not_html": ("not HTML", "no es HTML"),
    "web.not_sitemap": ("not a sitemap", "no es un mapa del sitio"),
    "web.same_page": ("same page", "la misma página"),
    "web.copy": ("copy of its canonical page", "copia de su página canónica"),
    "web.over_max_pages": ("over max_pages", "por encima de max_pages"),
    "web.too_many_addresses": ("too many addresses", "demasiadas direcciones"),
    "web.too_many_elements": ("too many elements", "demasiados elementos"),
    "web.no_main_text": ("no main text", "sin texto principal"),
    "web.broken_archive": ("broken WARC file", "archivo WARC dañado"),
}

FETCHING_BEFORE: dict[str, str] = {"scheme": "fetch.scheme", "status {n}": "fetch.status"}
"""English words of earlier versions -> code, where they are not the words of today; ``{n}`` for a number."""
