"""Keys and tokens of providers whose form says whose they are. Source: the providers' documentation of their keys."""

from __future__ import annotations

import re

from secft.security.protection.documented import example_token, is_digest
from secft.security.protection.rule import CLOSE, Rule, words

_OPEN, _CLOSE = r"(?<![A-Za-z0-9])(?<![A-Za-z0-9][_-])", r"(?![A-Za-z0-9])"


def _real(value: str) -> bool:
    return not example_token(value)


def _random(value: str) -> bool:
    """Tell whether a token that has only a short prefix of its own looks random: three classes of characters."""
    kinds = (str.islower, str.isupper, str.isdigit)
    return _real(value) and all(any(map(kind, value)) for kind in kinds)


def _mixed(value: str) -> bool:
    return _real(value) and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


_LEAST_OF_KIND = 3
_DIGIT_RUNS = re.compile(r"\d+")


def _drawn(value: str) -> bool:
    """Tell whether a token was certainly drawn: capitals, small letters, and digits in several places of it."""
    enough = all(sum(map(kind, value)) >= _LEAST_OF_KIND for kind in (str.islower, str.isupper))
    return enough and _real(value) and len(_DIGIT_RUNS.findall(value)) >= _LEAST_OF_KIND


_TABLE = r"""
AWS_ACCESS_KEY     akia asia abia acca   (?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}
AWS_SESSION_TOKEN  fwog iqoj             (?:FwoG|IQoJ)[A-Za-z0-9/+=%]{80,2000}
AWS_ACCESS_KEY     absk                  ABSK[A-Za-z0-9+/]{100,200}={0,2}
GOOGLE_API_KEY     aiza                  AIza[\w-]{35}
GOOGLE_SECRET      gocspx-               GOCSPX-[\w-]{24,32}
GOOGLE_TOKEN       ya29. 1//0            (?:ya29\.[\w-]{20,1000}|1//0[\w-]{30,200})
AZURE_SECRET       q~                    [A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}
AZURE_STORAGE_KEY  accountkey sharedaccesskey   (?:AccountKey|SharedAccessKey)=(?P<value>[A-Za-z0-9+/]{40,90}={0,2})
GITHUB_TOKEN       ghp_ gho_ ghu_ ghs_ ghr_ github_pat_   (?:github_pat_\w{50,255}|gh[pousr]_[A-Za-z0-9]{36,255})
GITLAB_TOKEN       glpat- gldt- glrt- glcbt- glptt- glft-   gl(?:pat|dt|rt|cbt|ptt|ft)-[\w-]{16,64}(?:\.[\w.-]{4,20})?
GITLAB_TOKEN       glimt- glagent- glsoat- gloas- glffct-   gl(?:imt|agent|soat|oas|ffct)-[\w-]{16,64}
GITLAB_TOKEN       gr1348941             GR1348941[\w-]{20}
SLACK_TOKEN        xox                   xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,250}
SLACK_TOKEN        xapp-                 xapp-\d-[A-Z0-9]{6,20}-\d{8,16}-[a-f0-9]{32,80}
SLACK_WEBHOOK      hooks.slack           hooks\.slack\.com/\w{6,12}/(?P<value>[A-Z]\w+/\w+/\w{15,50}(?:/\w{15,50})?)
DISCORD_TOKEN      .                     [MNO][A-Za-z\d_-]{23,27}\.[\w-]{6}\.[\w-]{27,40}
DISCORD_WEBHOOK    /api/webhooks/        discord(?:app)?\.com/api/webhooks/(?P<value>\d{17,20}/[\w-]{60,80})
TEAMS_WEBHOOK      webhook.office        webhook\.office\.com/webhookb2/(?P<value>[\w@/-]{60,250})
TELEGRAM_TOKEN     :                     (?:bot)?(?P<value>\d{8,10}:[A-Za-z0-9_-]{35})
HUGGINGFACE_TOKEN  hf_ api_org_          (?:hf|api_org)_[A-Za-z0-9]{30,40}
API_KEY            sk-ant-               sk-ant-[\w-]{20,200}
API_KEY            sk-proj- sk-svcacct- sk-admin- sk-or- sk-none-   sk-(?:proj|svcacct|admin|None|or-v1)-[\w-]{20,250}
GROQ_KEY           gsk_                  gsk_[A-Za-z0-9]{40,64}
REPLICATE_TOKEN    r8_                   r8_[A-Za-z0-9]{37,40}
XAI_KEY            xai-                  xai-[A-Za-z0-9]{60,100}
PERPLEXITY_KEY     pplx-                 pplx-[A-Za-z0-9]{40,64}
NVIDIA_KEY         nvapi-                nvapi-[\w-]{50,80}
WANDB_KEY          wandb_v1_             wandb_v1_[A-Za-z0-9_]{40,100}
STRIPE_KEY         k_live_               [sr]k_live_[A-Za-z0-9]{16,255}
STRIPE_SECRET      whsec_                whsec_[A-Za-z0-9+/=]{24,80}
SENDGRID_KEY       sg.                   SG\.[\w-]{16,32}\.[\w-]{16,64}
MAILGUN_KEY        key-                  key-[0-9a-f]{32}
MAILCHIMP_KEY      -us                   [0-9a-f]{32}-us\d{1,2}
BREVO_KEY          xkeysib- xsmtpsib-    x(?:key|smtp)sib-[a-f0-9]{64}-\w{16}
NPM_TOKEN          npm_                  npm_[A-Za-z0-9]{36}
PYPI_TOKEN         pypi-                 pypi-Ag[\w-]{40,300}
RUBYGEMS_KEY       rubygems_             rubygems_[a-f0-9]{48}
CRATES_TOKEN       cio                   cio[A-Za-z0-9]{32}
NUGET_KEY          oy2                   oy2[a-z0-9]{43}
DOCKER_TOKEN       dckr_                 dckr_(?:pat|oat)_[\w-]{20,64}
DIGITALOCEAN_TOKEN _v1_                  do[opr]_v1_[a-f0-9]{64}
CLOUDFLARE_KEY     v1.0-                 v1\.0-[0-9a-f]{20,32}-[0-9a-f]{100,160}
HEROKU_KEY         hrku-                 HRKU-[\w-]{30,70}
NEW_RELIC_KEY      nra nrj nri nrb       (?:NR(?:AK|AA|JS|II|IQ|RA|BR|SP)-[A-Za-z0-9_-]{19,42}|[0-9a-f]{36}NRAL)
GRAFANA_TOKEN      glsa_ glc_            (?:glsa_[A-Za-z0-9]{32}_[a-fA-F0-9]{8}|glc_[A-Za-z0-9+/=]{32,400})
SENTRY_TOKEN       sntry                 sntry[su]_[A-Za-z0-9+/=_-]{40,300}
SHOPIFY_TOKEN      shp                   shp(?:at|ca|pa|ss|ua|tka)_[a-fA-F0-9]{32}
SQUARE_TOKEN       sq0 eaaa              (?:sq0[a-z]{3}-[\w-]{22,50}|EAAA[\w-]{60})
FACEBOOK_TOKEN     eaa                   EAA[A-Za-z0-9]{80,300}
PAYPAL_TOKEN       access_token$         access_token\$(?:production|live)\$[a-z0-9]{13,20}\$[a-f0-9]{32}
ATLASSIAN_TOKEN    atatt atctt atbb atstt   (?:AT[ACS]TT3[\w=-]{80,300}|ATBB[A-Za-z0-9]{20,50})
NOTION_TOKEN       secret_ ntn_          (?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,60})
LINEAR_KEY         lin_                  lin_(?:api|oauth)_[A-Za-z0-9]{32,64}
FIGMA_TOKEN        fig                   fig[dour]_[\w-]{36,60}
POSTMAN_KEY        pmak-                 PMAK-[a-f0-9]{24}-[a-f0-9]{34}
TERRAFORM_TOKEN    .atlasv1.             [A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,90}
VAULT_TOKEN        hvs. hvb. hvr.        hv[sbr]\.[\w-]{20,300}
DATABRICKS_TOKEN   dapi                  dapi[a-f0-9]{32}(?:-\d)?
SUPABASE_KEY       sbp_ sb_secret_       (?:sbp_(?:v0_)?[a-f0-9]{40}|sb_secret_[\w-]{20,60})
DOPPLER_TOKEN      dp.                   dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}
PLANETSCALE_TOKEN  pscale_               pscale_(?:tkn|pw|oauth)_[\w.=-]{32,64}
NEON_KEY           npg_ napi_            (?:npg_[A-Za-z0-9]{12,32}|napi_[a-z0-9]{60,70})
FLY_TOKEN          fm2_ fo1_             (?:fm2_[A-Za-z0-9+/=]{80,2000}|fo1_[\w-]{43})
NETLIFY_TOKEN      nfp_                  nfp_[A-Za-z0-9]{36,40}
AIRTABLE_TOKEN     pat                   pat[A-Za-z0-9]{14}\.[a-f0-9]{64}
HUBSPOT_TOKEN      pat-                  pat-(?:na|eu)\d-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
DYNATRACE_TOKEN    dt0                   dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}
SOURCEGRAPH_TOKEN  sgp_                  sgp_(?:[a-f0-9]{16}_|local_)?[a-f0-9]{40}
TAILSCALE_KEY      tskey-                tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{8,20}-[A-Za-z0-9]{20,40}
PULUMI_TOKEN       pul-                  pul-[a-f0-9]{40}
BUILDKITE_TOKEN    bkua_                 bkua_[a-z0-9]{40}
CIRCLECI_TOKEN     ccipat_               CCIPAT_\w{22}_[a-f0-9]{40}
SONAR_TOKEN        squ_ sqp_ sqa_        sq[pua]_[a-f0-9]{40}
ARTIFACTORY_TOKEN  akcp cmvmd            (?:AKCp[A-Za-z0-9]{65,75}|cmVmd[A-Za-z0-9]{55,65})
MAPBOX_TOKEN       sk.eyj                sk\.eyJ[\w-]{60,120}\.[\w-]{20,30}
LAUNCHDARKLY_KEY   sdk- api-             (?:sdk|api)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
CONTENTFUL_TOKEN   cfpat-                CFPAT-[\w-]{43}
RESEND_KEY         re_                   re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,30}
ONEPASSWORD_TOKEN  ops_eyj               ops_eyJ[\w-]{200,2000}
ALIBABA_KEY        ltai                  LTAI[A-Za-z0-9]{12,24}
TENCENT_KEY        akid                  AKID[A-Za-z0-9]{32}
MERCADOPAGO_TOKEN  app_usr-              APP_USR-\d{10,20}-\d{6}-[a-f0-9]{32}-\d{5,12}
OKTA_TOKEN         ssws                  SSWS\s+(?P<value>[\w-]{40,50})
API_KEY            pcsk_                 pcsk_[A-Za-z0-9]{5,8}_[A-Za-z0-9]{50,70}
API_KEY            fc-                   fc-[0-9a-f]{32}
API_KEY            -lf-                  [sp]k-lf-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
API_KEY            lsv2_                 lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}
API_KEY            tvly-                 tvly-(?:dev-|prod-)?[A-Za-z0-9-]{20,64}
API_KEY            jina_ csk- tgp_v1_    (?:jina_[A-Za-z0-9_-]{40,70}|csk-[a-z0-9]{40,60}|tgp_v1_[\w-]{40,50})
API_KEY            fw_ pa- rpa_ e2b_     (?:fw_[A-Za-z0-9]{22,40}|pa-[\w-]{43}|rpa_[A-Z0-9]{40,60}|e2b_[a-f0-9]{40})
API_KEY            sk_                   sk_[0-9a-f]{48}
API_KEY            :fx                   [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}:fx
API_KEY            bedrock-api-key-      bedrock-api-key-[A-Za-z0-9+/=]{40,2000}
AZURE_SECRET       jqqj99                [A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}
GOOGLE_API_KEY     aq.                   AQ\.Ab[\w-]{40,80}
FIREBASE_KEY       :apa91b               [\w-]{8,30}:APA91b[\w-]{100,200}
DROPBOX_TOKEN      sl.                   sl\.(?:u\.)?[\w-]{100,1400}
ADAFRUIT_KEY       aio_                  aio_[A-Za-z0-9]{28}
CLOJARS_TOKEN      clojars_              CLOJARS_[a-z0-9]{60}
EASYPOST_KEY       ezak                  EZ[AT]K[A-Za-z0-9]{54}
FLUTTERWAVE_KEY    flwsec                FLWSECK-[0-9a-zA-Z]{32,40}-X
PLAID_TOKEN        access-               access-(?:production|development)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
PREFECT_KEY        pnu_ pnb_             pn[ub]_[A-Za-z0-9]{36}
POSTHOG_KEY        phx_                  phx_[A-Za-z0-9]{40,60}
README_KEY         rdme_                 rdme_[a-z0-9]{70}
RENDER_KEY         rnd_                  rnd_[A-Za-z0-9]{28,40}
SCALINGO_TOKEN     tk-us-                tk-us-[\w-]{48}
SHIPPO_TOKEN       shippo_live_          shippo_live_[a-f0-9]{40}
TYPEFORM_TOKEN     tfp_                  tfp_[\w.-]{59}
YANDEX_TOKEN       aqvn y0_              (?:AQVN[\w-]{35,40}|y0_[\w-]{50,80})
YANDEX_TOKEN       t1.                   (?:t1\.[\w-]{80,400}={0,2}\.[\w-]{80,100}={0,2})
INFRACOST_KEY      ico-                  ico-[A-Za-z0-9]{32}
FRAMEIO_TOKEN      fio-u-                fio-u-[\w=-]{64}
XATA_KEY           xau_                  xau_[A-Za-z0-9]{30,60}
INNGEST_KEY        signkey-              signkey-(?:prod|branch|test)-[0-9a-f]{64}
CLOUDINARY_URL     cloudinary://         cloudinary://(?P<value>\d{12,18}:[\w-]{20,40})@
NPM_TOKEN          _authtoken            _authToken=(?P<value>[\w.+/=-]{20,200})
"""


def _table() -> tuple[Rule, ...]:
    rules = []
    for line in _TABLE.strip().splitlines():
        kind, *hints, form = line.split()
        rules.append(Rule(kind, re.compile(f"{_OPEN}(?:{form}){_CLOSE}"), tuple(hints), _real))
    return tuple(rules)


_PROVIDERS = (
    "mistral",
    "cohere",
    "wandb",
    "weights (?:and|&) biases",
    "w&b",
    "deepseek",
    "together",
    "fireworks",
    "pinecone",
    "qdrant",
    "elevenlabs",
    "assemblyai",
    "deepgram",
    "stability",
    "datadog",
    "dd",
    "new ?relic",
    "heroku",
    "cloudflare",
    "mailgun",
    "twilio",
    "algolia",
    "fastly",
    "okta",
    "pagerduty",
    "opsgenie",
    "zendesk",
    "asana",
    "trello",
    "segment",
    "snowflake",
    "paypal",
    "vercel",
    "netlify",
    "travis",
    "circleci",
    "sentry",
    "shodan",
    "censys",
    "virustotal",
    "vt",
    "abuseipdb",
    "alienvault",
    "otx",
    "greynoise",
    "urlscan",
    "openai",
    "azure",
    "bing",
    "newsapi",
    "openweather\\w*",
    "sonar\\w*",
    "bitbucket",
    "confluence",
    "jira",
    "splunk",
    "elastic\\w*",
    "kibana",
    "vault",
    "consul",
    "nomad",
    "dropbox",
    "zoom",
    "linkedin",
    "twitter",
    "facebook",
    "instagram",
    "mapbox",
    "supabase",
    "firebase",
    "replicate",
    "runpod",
    "lambda labs",
    "mercado ?pago",
    "conekta",
    "pagseguro",
    "openpay",
)
_CALLED = r"(?:key|token|secret|login|credential|clave|chave|llave|pat|pass(?:word)?)s?"
_BESIDE = re.compile(
    rf"(?i)(?<![a-z0-9])(?:{'|'.join(_PROVIDERS)})(?![a-z0-9])[^\n]{{0,40}}?(?<![a-z]){_CALLED}(?![a-z])"
    r"(?:(?! (?:id|hash|sha)\b)[^\n\w-]|(?<=[ _])(?:is|es|é|for|de|da|do|del|para)(?= )){1,12}$"
)
_NAMED_BEFORE = re.compile(rf"(?i)(?<![a-z0-9])(?:{'|'.join(_PROVIDERS)})(?![a-z0-9])[^\n]{{0,24}}$")
_VALUE = re.compile(r"(?<![\w-])(?:[A-Za-z0-9_-]{30,64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![\w-])")

FORMS: tuple[Rule, ...] = _table()
"""Those whose form alone tells whose they are."""

RULES: tuple[Rule, ...] = (
    *FORMS,
    Rule("API_KEY", re.compile(rf"{_OPEN}sk-[A-Za-z0-9_-]{{20,200}}{_CLOSE}"), ("sk-",), _random),
    Rule("TWILIO_KEY", re.compile(rf"{_OPEN}(?:SK|AC)[0-9a-f]{{32}}{_CLOSE}"), ("sk", "ac"), _mixed),
    Rule("MAILGUN_KEY", re.compile(r"(?<![\w-])[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![\w-])"), ("-",), _mixed),
    Rule(
        "AWS_SECRET_KEY",
        re.compile(
            r"(?i:(?:aws|amazon|s3)?[._-]?secret[._-]?(?:access)?[._-]?key|clave secreta|chave secreta|secret access"
            r" key|secret key)"
            r"\\?[\"']?\s{0,4}(?:[:=]|=>|is|es|é)?\s{0,4}\\?[\"']?(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
        ("secret", "secreta"),
        lambda value: _mixed(value) and not is_digest(value),
    ),
    # The file of credentials that the console offers: the identifier, then the secret.
    Rule(
        "AWS_SECRET_KEY",
        re.compile(
            r"(?:AKIA|ASIA)[A-Z2-7]{16}[\"']?[\s,;:|/]{1,4}[\"']?(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
        ("akia", "asia"),
        _mixed,
    ),
    Rule(
        "AWS_SESSION_TOKEN",
        re.compile(
            r"(?i:(?:aws[._-]?)?session[._-]?token|x-amz-security-token)\\?[\"']?\s{0,4}[:=]\s{0,4}\\?[\"']?(?P<value"
            r">[A-Za-z0-9/+=%]{60,2000})"
        ),
        ("session", "x-amz"),
        _mixed,
    ),
    Rule("API_KEY", _VALUE, (), _mixed, _BESIDE, reach=80),
    # Without a word for a key, and of a provider that nobody listed: only what is certainly drawn.
    Rule("API_KEY", _VALUE, (), _drawn, _NAMED_BEFORE, reach=40),
    Rule(
        "API_KEY",
        re.compile(
            rf"{_OPEN}(?!sha\d|md5|h1|blake|diff)[a-z][a-z0-9]{{1,9}}[-_](?:[a-z0-9]{{1,8}}[-_]){{0,2}}[A-Za-z0-9]{{24,250}}{_CLOSE}"
        ),
        ("_", "-"),
        _drawn,
    ),
    Rule(
        "API_KEY",
        re.compile(
            r"(?<=[\w.])(?:Client|API|Api|Auth|Session|connect|init|login|auth|authenticate|from_token|configure)\("
            r"\s*(?:\w+\s*=\s*)?[\"'](?P<value>[A-Za-z0-9_-]{24,200})[\"']"
        ),
        (
            "client(",
            "api(",
            "auth(",
            "session(",
            "connect(",
            "init(",
            "login(",
            "authenticate(",
            "_token(",
            "configure(",
        ),
        _drawn,
    ),
    Rule(
        "TWILIO_KEY",
        re.compile(r"(?:AC|SK)[0-9a-f]{32}[:,;|/ ]{1,2}(?P<value>[0-9a-f]{32})(?![\w])"),
        ("ac", "sk"),
        _mixed,
    ),
    # Forty hexadecimal digits are a key of Weights & Biases only beside the name.
    Rule(
        "WANDB_KEY",
        re.compile(r"(?<![\w-])[0-9a-f]{40}(?![\w-])"),
        ("wandb", "w&b"),
        _mixed,
        words("wandb", "w&b"),
        CLOSE,
    ),
)
