"""Identifiers of persons and companies in countries that speak Spanish or Portuguese, and the SSN of the United States.

A form that is rare by itself and has a check digit is taken wherever it stands; one that other numbers share needs the
word for it nearby.
"""

from __future__ import annotations

import re

from secft.security.protection import national_digits as digits
from secft.security.protection.check_digits import digits_of
from secft.security.protection.rule import BEFORE, CLOSE, Check, Rule, always, words

_OPEN, _CLOSE = r"(?<![\w/+.-])", r"(?![\w/+=-]|[.,:]\d|:\w)"


_DATE = re.compile(r"^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$")


def _varied(value: str) -> bool:
    return not digits.counted_up(value) and not _DATE.match(value)


def _no_date(value: str) -> bool:
    day, month, year = (digits_of(part) or "0" for part in value.split("-"))
    return not (int(day) <= 31 and int(month) <= 12 and 1900 <= int(year) <= 2100)


def _form(kind: str, form: str, real: Check = always) -> Rule:
    return Rule(kind, re.compile(f"{_OPEN}(?:{form}){_CLOSE}"), (), real)


def _named(kind: str, form: str, hints: tuple[str, ...], real: Check = always, near: str | None = None) -> Rule:
    """Return a rule whose value needs a word nearby; without ``near`` the hints are the words."""
    reach = CLOSE if real in (_varied, always, _no_date) else BEFORE
    return Rule(kind, re.compile(f"{_OPEN}(?:{form}){_CLOSE}"), hints, real, words(near or "|".join(hints)), reach)


_IDENTITY = (
    r"c[eé]dulas?|c\.? ?c\.?|c\.? ?i\.?|carn[eé]|identidad|identificaci[oó]n|documento|identity card"
    r"|national id|id number"
)
_CEDULA = ("cédula", "cedula", "c.c", "cc", "c.i", "ci", "carn", "identi", "documento", "national id", "id number")
_SHORT_NUMBER = r"\d{1,3}(?:\.\d{3}){2,3}|\d{6,10}"
_DNI_WORDS = (
    r"d\.?n\.?i\.?|documento (?:nacional )?de identidad|documento nacional|identity (?:card|document)|national id"
    r"|n[uú]mero de documento|documento n[.º°o]{1,3}|doc(?:umento)?\.? ?id(?:entidad)?"
)
_CEDULA_WORDS = (
    r"c[eé]dulas?(?: de (?:ciudadan[ií]a|identidad|extranjer[ií]a))?|c\.c\.|c\.i\.|carn[eé]t? de"
    r" identidad|identidad|identity card"
)


def _rut_or_ci(value: str) -> bool:
    """Tell whether a value with dots and a dash is of Chile or of Uruguay: both write theirs in this form."""
    return digits.cl_rut(value) or (value[-1] not in "kK" and len(digits_of(value)) == 8 and digits.uy_ci(value))


# In this order: of two that fit the same place the first one decides.
RULES: tuple[Rule, ...] = (
    _form("ES_DNI", r"(?:\d{8}|\d{2}\.\d{3}\.\d{3})[ -]?[A-HJ-NP-TV-Za-hj-np-tv-z]", digits.es_dni),
    _form("ES_NIE", r"[XYZxyz][ -]?\d{7}[ -]?[A-HJ-NP-TV-Za-hj-np-tv-z]", digits.es_dni),
    _named(
        "ES_CIF",
        r"(?:ES)?(?P<value>[ABCDEFGHJNPQRSUVW][ -]?\d{7}[ -]?[0-9A-J])",
        ("cif", "c.i.f", "nif", "vat", "iva", "empresa", "fiscal", "tax", "company"),
        digits.es_cif,
        r"cif|nif|vat(?: (?:id|number|no))?|iva|empresa|identificaci[oó]n fiscal|fiscal|tax id|company|c\.i\.f\.?"
        r"|n\.i\.f\.?",
    ),
    _form("ES_NSS", r"\d{2}[/-]\d{7,8}[/-]\d{2}", digits.es_nss),
    _named(
        "ES_NSS",
        r"\d{2}[ /-]?\d{7,8}[ /-]?\d{2}",
        ("nss", "naf", "seguridad social", "social security", "afiliaci"),
        digits.es_nss,
        r"nss|naf|n\.?[ºo]? ?s\.?s\.?|seguridad social|social security|afiliaci[oó]n",
    ),
    _form("PT_CC", r"\d{8} ?\d ?[A-Z]{2}\d", digits.pt_cc),
    _named(
        "PT_NIF",
        r"(?:PT)?(?P<value>\d{3}[ .]?\d{3}[ .]?\d{3})",
        ("nif", "nipc", "contribuinte", "fiscal", "vat", "tax"),
        digits.pt_nif,
        r"nif|nipc|(?:n[.ºo]* de )?contribuinte|identifica[cç][aã]o fiscal|fiscal|vat|tax (?:id|number)",
    ),
    _named("PT_NISS", r"\d{11}", ("niss", "segurança social", "seguranca social", "social security"), digits.pt_niss),
    _named(
        "PT_BI",
        r"\d{8}(?:[ -]\d)?",
        ("bilhete de identidade", "cartão de cidadão", "cartao de cidadao", "citizen card"),
        _varied,
    ),
    _form("BR_CPF", r"\d{3}\.\d{3}\.\d{3}[-/]\d{2}", digits.br_cpf),
    _named(
        "BR_CPF",
        r"\d{3}[. ]?\d{3}[. ]?\d{3}[ -]?\d{2}",
        ("cpf", "cadastro de pessoa"),
        digits.br_cpf,
        r"cpf(?:[_ /-]?\w+)?|cadastro de pessoas? f[ií]sicas?|tax ?id",
    ),
    _form("BR_CNPJ", r"[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2}", digits.br_cnpj),
    _named(
        "BR_CNPJ",
        r"[0-9A-Z]{12}\d{2}",
        ("cnpj", "pessoa jur"),
        digits.br_cnpj,
        r"cnpj(?:[_ /-]?\w+)?|pessoa jur[ií]dica",
    ),
    _form("BR_PIS", r"\d{3}\.\d{5}\.\d{2}-\d", digits.br_pis),
    _named(
        "BR_PIS",
        r"\d{3}\.?\d{5}\.?\d{2}-?\d",
        ("pis", "pasep", "nit", "nis"),
        digits.br_pis,
        r"pis(?:/pasep)?|pasep|nit|nis",
    ),
    _named("BR_CNH", r"\d{11}", ("cnh", "habilitação", "habilitacao"), digits.br_cnh),
    _named("BR_RG", r"\d{1,2}\.?\d{3}\.?\d{3}-?[\dXx]", ("rg", "registro geral"), _varied),
    _named(
        "BR_TITULO", r"\d{4} ?\d{4} ?\d{4}", ("título de eleitor", "titulo de eleitor", "título eleitoral"), _varied
    ),
    _form("MX_CURP", r"[A-ZÑ]{4}\d{6}[HMX][A-Z]{2}[A-ZÑ]{3}[0-9A-Z]\d", digits.mx_curp),
    _form("MX_ELECTOR", r"[A-ZÑ]{6}\d{8}[HM]\d{3}"),
    _form("MX_RFC", r"[A-ZÑ&]{3,4}[ -]?\d{6}[ -]?[0-9A-Z]{2}[0-9A]", digits.mx_rfc),
    _named(
        "MX_RFC",
        r"[A-ZÑ&]{3,4}[ -]?\d{6}[ -]?[0-9A-Z]{3}",
        ("rfc", "contribuyente"),
        digits.mx_rfc_date,
        r"r\.?f\.?c\.?|contribuyentes?",
    ),
    _named(
        "MX_NSS",
        r"\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?\d{4}[ -]?\d",
        ("nss", "imss", "seguro social", "seguridad social"),
        digits.mx_nss,
    ),
    _form("AR_CUIT", r"\d{2}-\d{8}-\d", digits.ar_cuit),
    _named(
        "AR_CUIT",
        r"\d{2}[-. ]?(?:\d{8}|\d{2}\.\d{3}\.\d{3})[-. ]?\d",
        ("cuit", "cuil"),
        digits.ar_cuit,
        r"cuit(?:/cuil)?|cuil(?:/cuit)?",
    ),
    _form("CL_RUT", r"\d{1,2}\.\d{3}\.\d{3}-[\dKk]", _rut_or_ci),
    _named(
        "CL_RUT",
        r"\d{1,2}\.?\d{3}\.?\d{3}-?[\dKk]",
        ("rut", "run", "rol único", "rol unico"),
        digits.cl_rut,
        r"r\.?u\.?[tn]\.?|rol [uú]nico \w+",
    ),
    _named(
        "CO_NIT", r"\d{3}\.?\d{3}\.?\d{3}[- ]?\d", ("nit", "tributaria"), digits.co_nit, r"nit|n\.i\.t\.?|tributaria"
    ),
    _named("PE_RUC", r"\d{11}", ("ruc", "contribuyente"), digits.pe_ruc, r"r\.?u\.?c\.?|contribuyentes?"),
    _named("EC_RUC", r"\d{13}", ("ruc", "contribuyente"), digits.ec_ruc, r"r\.?u\.?c\.?|contribuyentes?"),
    _named("EC_CEDULA", r"\d{9}-?\d", _CEDULA, digits.ec_cedula, _IDENTITY),
    _named("UY_CI", r"\d\.?\d{3}\.?\d{3}[-/]?\d", _CEDULA, digits.uy_ci, _IDENTITY),
    _named("UY_RUT", r"\d{12}", ("rut",), digits.uy_rut),
    _named("PY_RUC", r"\d{6,8}-\d", ("ruc",), digits.py_ruc),
    _form("VE_RIF", r"[VEJPGC]-\d{8}-\d", digits.ve_rif),
    _named("VE_RIF", r"[VEJPGCvejpgc]-?\d{8}-?\d", ("rif",), lambda value: digits.ve_rif(value.upper())),
    _form("VE_CEDULA", r"[VE]-\d{1,2}\.\d{3}\.\d{3}", _varied),
    _named("VE_CEDULA", r"[VEve][ -]?(?:\d{6,8}|\d{1,2}\.\d{3}\.\d{3})", _CEDULA, _varied, _CEDULA_WORDS),
    _form("DO_CEDULA", r"\d{3}-\d{7}-\d", digits.do_cedula),
    _named("DO_CEDULA", r"\d{11}", _CEDULA, digits.do_cedula, _IDENTITY),
    _named("DO_RNC", r"\d-?\d{2}-?\d{5}-?\d", ("rnc",), digits.do_rnc),
    _named(
        "CR_CEDULA",
        r"[1-9]-?\d{4}-?\d{4}|[1-9]-\d{3}-\d{6}|\d{11,12}",
        (*_CEDULA, "dimex"),
        _varied,
        _CEDULA_WORDS + "|dimex",
    ),
    _named("PA_CEDULA", r"(?:\d{1,2}|PE|E|N|\d{1,2}AV|\d{1,2}PI)-\d{2,4}-\d{2,6}", _CEDULA, _no_date, _CEDULA_WORDS),
    _form("GT_DPI", r"\d{4} \d{5} \d{4}", digits.gt_dpi),
    _named("GT_DPI", r"\d{4}[ -]?\d{5}[ -]?\d{4}", ("dpi", "cui"), digits.gt_dpi, r"dpi|cui"),
    _named("GT_NIT", r"\d{5,8}-?[\dKk]", ("nit",), digits.gt_nit),
    _form("HN_DNI", r"\d{4}-\d{4}-\d{5}", digits.hn_dni),
    _named("HN_DNI", r"\d{13}", ("dni", "identidad", "rtn"), digits.hn_dni, r"dni|identidad|rtn"),
    _named("HN_RTN", r"\d{14}|\d{4}-\d{4}-\d{6}", ("rtn",), digits.hn_dni),
    _form("SV_NIT", r"\d{4}-\d{6}-\d{3}-\d", digits.sv_nit),
    _named("SV_DUI", r"\d{8}-?\d", ("dui",), digits.sv_dui),
    _form("NI_CEDULA", r"\d{3}-?\d{6}-?\d{4}[A-Z]", digits.ni_cedula),
    _named("CU_CI", r"\d{11}", (*_CEDULA, "ni"), digits.cu_ni, _CEDULA_WORDS + "|ni"),
    # The word for it stands before a number without check digit: Argentina, Peru, Colombia, Bolivia, Paraguay.
    _named("DNI", _SHORT_NUMBER, ("dni", "d.n.i", "documento", "identity", "national id"), _varied, _DNI_WORDS),
    _named("CEDULA", _SHORT_NUMBER, ("cédula", "cedula", "c.c.", "c.i.", "identidad"), _varied, _CEDULA_WORDS),
    Rule(
        "CEDULA",
        re.compile(rf"(?<!\w)(?:C\.? ?C|C\.? ?I)[:.]{{0,2}} ?(?:[Nn][.º°o]+ ?)?(?P<value>{_SHORT_NUMBER}){_CLOSE}"),
        ("cc", "ci", "c.", "c c", "c i"),
        _varied,
    ),
    _named("TAX_ID", r"\d{1,3}(?:\.\d{3}){2}-?\d?|\d{7,12}(?:-\d)?", ("nit", "ruc"), _varied, "nit|ruc"),
    _named("PASSPORT", r"[A-Z]{1,3}\d{6,9}|\d{8,9}", ("passport", "pasaporte", "passaporte"), _varied),
    Rule(
        "SSN",
        re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])"),
        ("ssn", "social security"),
        lambda value: value not in {"123-45-6789", "078-05-1120", "219-09-9999"},
        words("ssn", "social security(?: number)?"),
    ),
)
