#include "audit/secrets_kinds.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace meshops::audit::secrets {

namespace {

/// Legacy "sk-" keys, of OpenAI and of all who copied them; the more exact prefixes stand before it.
bool sk_key(std::string_view token) {
  auto tail = token.substr(3);
  if (tail.starts_with("proj-") || tail.starts_with("ant-") || tail.starts_with("or-") ||
      tail.starts_with("svcacct-") || tail.starts_with("admin-") || tail.starts_with("lf-"))
    return false;
  if (tail.find("T3BlbkFJ") != std::string_view::npos) return true;
  return all_in(tail, kAlnum) && looks_random(tail);
}
/// Behind a prefix of its own: neither filler nor words.
bool is_plausible(std::string_view tail) {
  bool digit = false, low = false, up = false;
  for (char c : tail) {
    digit = digit || in(c, kDigit);
    low = low || in(c, kLower);
    up = up || in(c, kUpper);
  }
  return (digit || (low && up)) && (low || up) && !is_filler(tail) && entropy(tail) >= 2.8;
}
bool deepseek(std::string_view token) {
  return all_in(token.substr(3), kHex) && looks_random(token.substr(3));
}
bool with_dashes(std::string_view token) {
  // Prefixes so short that a name in a program may begin like it.
  std::size_t digits = 0, capitals = 0;
  for (char c : token) digits += in(c, kDigit), capitals += in(c, kUpper);
  return digits >= 2 && capitals >= 2 && looks_random(token);
}
bool aws_id(std::string_view token) {
  return token.find("EXAMPLE") == std::string_view::npos && !is_filler(token.substr(4)) &&
         entropy(token.substr(4)) >= 2.5;
}
bool slack(std::string_view token) {
  bool digit = std::ranges::any_of(token, [](char c) { return in(c, kDigit); });
  return digit && !is_filler(token.substr(5)) && token.find("-", 5) != std::string_view::npos;
}
bool sendgrid(std::string_view token) {
  auto dot = token.find('.', 3);
  return dot != std::string_view::npos && dot - 3 >= 16 && token.size() - dot >= 30 &&
         looks_random(token.substr(dot + 1));
}
bool paypal(std::string_view token) { return looks_random(token.substr(token.rfind('$') + 1)); }
bool two_parts(std::string_view token) {
  return token.find('.', 8) != std::string_view::npos && looks_random(token);
}
bool age(std::string_view token) { return !is_filler(token.substr(16)); }
bool webhook(std::string_view token) {
  return looks_random(token.substr(token.size() - std::min<std::size_t>(24, token.size())));
}

// Lengths are those that the vendors document or that are seen, with some room where the prefix is long
// enough to stand for itself: vendors lengthen their tokens without telling.
constexpr Prefixed kPrefixed[] = {
    {"Anthropic OAuth token", "sk-ant-oat", kUrl, 40, 160},
    {"Anthropic OAuth token", "sk-ant-ort", kUrl, 40, 160},
    {"Anthropic admin key", "sk-ant-admin", kUrl, 40, 160},
    {"Anthropic API key", "sk-ant-", kUrl, 32, 160},
    {"OpenAI API key", "sk-proj-", kUrl, 32, 240},
    {"OpenAI service account key", "sk-svcacct-", kUrl, 32, 240},
    {"OpenAI admin key", "sk-admin-", kUrl, 32, 240},
    {"OpenRouter API key", "sk-or-v1-", kHex, 48, 80},
    {"Langfuse secret key", "sk-lf-", kUrl, 36, 36},
    {"DeepSeek API key", "sk-", kHex, 32, 32, deepseek},
    {"OpenAI API key", "sk-", kUrl, 40, 100, sk_key},
    {"Google API key", "AIza", kUrl, 35, 35},
    {"Groq API key", "gsk_", kAlnum, 40, 64},
    {"xAI API key", "xai-", kAlnum, 60, 100},
    {"Hugging Face token", "hf_", kAlnum, 30, 40},
    {"Hugging Face organisation token", "api_org_", kAlnum, 30, 40},
    {"Replicate API token", "r8_", kAlnum, 36, 40},
    {"Perplexity API key", "pplx-", kAlnum, 40, 64},
    {"Fireworks API key", "fw_", kAlnum, 20, 32, with_dashes},
    {"Together API key", "tgp_v1_", kUrl, 36, 60},
    {"Cerebras API key", "csk-", kAlnum, 40, 64},
    {"NVIDIA API key", "nvapi-", kUrl, 50, 80},
    {"ElevenLabs API key", "sk_", kHex, 48, 48},
    {"Tavily API key", "tvly-", kUrl, 28, 60, with_dashes},
    {"Brave Search API key", "BSA", kUrl, 27, 29, with_dashes},
    {"Jina API key", "jina_", kUrl, 50, 70},
    {"Firecrawl API key", "fc-", kHex, 32, 32},
    {"LangSmith API key", "lsv2_pt_", kHex | kUnder, 40, 50},
    {"LangSmith API key", "lsv2_sk_", kHex | kUnder, 40, 50},
    {"Pinecone API key", "pcsk_", kWord, 50, 90},
    {"RunPod API key", "rpa_", kAlnum, 40, 56},
    {"Anyscale API key", "esecret_", kAlnum, 24, 40},
    {"Databricks token", "dapi", kHex, 32, 32},
    {"Apify API token", "apify_api_", kAlnum, 32, 48},
    {"Amazon Bedrock API key", "ABSKQmVkcm9ja0FQSUtleS", kBase64 | kEquals, 80, 300},
    {"Facebook access token", "EAA", kAlnum, 90, 300, with_dashes},
    {"Matrix access token", "syt_", kWord, 30, 100, with_dashes},
    {"Slack token", "xoxb-", kUrl, 24, 120, slack},
    {"Slack token", "xoxp-", kUrl, 24, 140, slack},
    {"Slack token", "xoxa-", kUrl, 24, 140, slack},
    {"Slack token", "xoxr-", kUrl, 24, 140, slack},
    {"Slack token", "xoxs-", kUrl, 24, 140, slack},
    {"Slack token", "xoxc-", kUrl, 24, 140, slack},
    {"Slack token", "xoxe-", kUrl, 24, 240, slack},
    {"Slack token", "xoxe.xox", kUrl, 60, 260},
    {"Slack app token", "xapp-", kUrl, 50, 140, slack},
    {"Slack webhook", "hooks.slack.com/services/T", kAlnum | kPlusSlash, 30, 60, webhook},
    {"Slack workflow webhook", "hooks.slack.com/workflows/T", kAlnum | kPlusSlash, 40, 80, webhook},
    {"Discord webhook", "discord.com/api/webhooks/", kUrl | kPlusSlash, 70, 110, webhook},
    {"Discord webhook", "discordapp.com/api/webhooks/", kUrl | kPlusSlash, 70, 110, webhook},
    {"Microsoft Teams webhook", "webhook.office.com/webhookb2/", kUrl | kPlusSlash, 100, 300, webhook},
    {"GitHub personal access token", "ghp_", kAlnum, 36, 40},
    {"GitHub OAuth token", "gho_", kAlnum, 36, 40},
    {"GitHub user token", "ghu_", kAlnum, 36, 40},
    {"GitHub server token", "ghs_", kAlnum, 36, 40},
    {"GitHub refresh token", "ghr_", kAlnum, 36, 80},
    {"GitHub fine-grained token", "github_pat_", kWord, 70, 100},
    {"GitLab access token", "glpat-", kUrl | kDot, 20, 64},
    {"GitLab deploy token", "gldt-", kUrl, 20, 64},
    {"GitLab runner token", "glrt-", kUrl | kDot, 20, 64},
    {"GitLab pipeline token", "glptt-", kUrl, 32, 64},
    {"GitLab agent token", "glagent-", kUrl, 40, 80},
    {"npm token", "npm_", kAlnum, 36, 40},
    {"PyPI token", "pypi-AgE", kUrl, 50, 250},
    {"RubyGems key", "rubygems_", kHex, 48, 48},
    {"crates.io token", "cio", kAlnum, 32, 32, with_dashes},
    {"Docker Hub token", "dckr_pat_", kUrl, 24, 40},
    {"Docker Hub token", "dckr_oat_", kUrl, 24, 40},
    {"AWS access key", "AKIA", kUpper | kDigit, 16, 16, aws_id},
    {"AWS temporary access key", "ASIA", kUpper | kDigit, 16, 16, aws_id},
    {"Google OAuth client secret", "GOCSPX-", kUrl, 24, 32},
    {"Google OAuth access token", "ya29.", kUrl | kDot, 30, 400},
    {"Google OAuth refresh token", "1//0", kUrl, 40, 160, with_dashes},
    {"DigitalOcean token", "dop_v1_", kHex, 56, 72},
    {"DigitalOcean OAuth token", "doo_v1_", kHex, 56, 72},
    {"DigitalOcean refresh token", "dor_v1_", kHex, 56, 72},
    {"Cloudflare origin CA key", "v1.0-", kHex | kDash, 150, 190},
    {"Fly.io token", "fm2_", kBase64 | kEquals, 100, 2000},
    {"Fly.io token", "fo1_", kUrl, 40, 50, with_dashes},
    {"Alibaba Cloud access key", "LTAI", kAlnum, 12, 26, with_dashes},
    {"Tencent Cloud secret id", "AKID", kAlnum, 32, 36, with_dashes},
    {"Stripe live key", "sk_live_", kAlnum, 20, 250},
    {"Stripe live restricted key", "rk_live_", kAlnum, 20, 250},
    {"Stripe test key", "sk_test_", kAlnum, 20, 250},
    {"Stripe test restricted key", "rk_test_", kAlnum, 20, 250},
    {"Stripe webhook secret", "whsec_", kBase64 | kEquals, 32, 80},
    {"Twilio API key", "SK", kHex, 32, 32},
    {"SendGrid API key", "SG.", kUrl | kDot, 50, 80, sendgrid},
    {"Mailgun API key", "key-", kHex, 32, 32},
    {"Brevo API key", "xkeysib-", kAlnum | kDash, 70, 90},
    {"Brevo SMTP key", "xsmtpsib-", kAlnum | kDash, 70, 90},
    {"Resend API key", "re_", kWord, 28, 36, with_dashes},
    {"Notion token", "ntn_", kAlnum, 40, 50},
    {"Notion token", "secret_", kAlnum, 43, 43, with_dashes},
    {"Linear API key", "lin_api_", kAlnum, 32, 48},
    {"Linear OAuth token", "lin_oauth_", kHex, 64, 64},
    {"Shopify access token", "shpat_", kAnyHex, 32, 32},
    {"Shopify custom app token", "shpca_", kAnyHex, 32, 32},
    {"Shopify private app token", "shppa_", kAnyHex, 32, 32},
    {"Shopify shared secret", "shpss_", kAnyHex, 32, 32},
    {"Square access token", "sq0atp-", kUrl, 22, 22},
    {"Square secret", "sq0csp-", kUrl, 43, 43},
    {"Square access token", "EAAA", kUrl, 60, 60, with_dashes},
    {"PayPal access token", "access_token$production$", kAlnum | kDollar, 40, 60, paypal},
    {"Razorpay key", "rzp_live_", kAlnum, 14, 20},
    {"New Relic user key", "NRAK-", kUpper | kDigit, 27, 27},
    {"New Relic insert key", "NRII-", kUrl, 32, 32},
    {"Sentry token", "sntrys_", kBase64 | kEquals | kUrl, 60, 400},
    {"Sentry user token", "sntryu_", kHex, 64, 64},
    {"Grafana cloud token", "glc_", kBase64 | kEquals, 32, 400, with_dashes},
    {"Grafana service account token", "glsa_", kWord, 40, 48},
    {"Dynatrace token", "dt0c01.", kUpper | kDigit | kDot, 80, 100},
    {"Heroku API key", "HRKU-", kUrl, 36, 70},
    {"Netlify token", "nfp_", kAlnum, 36, 44},
    {"Supabase token", "sbp_", kHex, 40, 40},
    {"Supabase secret key", "sb_secret_", kUrl, 24, 60},
    {"PlanetScale token", "pscale_tkn_", kUrl | kDot | kEquals, 32, 64},
    {"PlanetScale password", "pscale_pw_", kUrl | kDot | kEquals, 32, 64},
    {"PlanetScale OAuth token", "pscale_oauth_", kUrl | kDot | kEquals, 32, 64},
    {"Neon API key", "napi_", kAlnum, 60, 70},
    {"Render API key", "rnd_", kAlnum, 28, 36, with_dashes},
    {"Doppler token", "dp.pt.", kAlnum, 40, 48},
    {"Doppler service token", "dp.st.", kUrl | kDot, 40, 90},
    {"HashiCorp Vault token", "hvs.", kUrl, 24, 140},
    {"HashiCorp Vault batch token", "hvb.", kUrl, 100, 300},
    {"Pulumi access token", "pul-", kHex, 40, 40},
    {"1Password service account token", "ops_eyJ", kBase64 | kEquals | kUrl, 200, 2000},
    {"Tailscale auth key", "tskey-auth-", kUrl, 24, 80},
    {"Tailscale API key", "tskey-api-", kUrl, 24, 80},
    {"Tailscale client secret", "tskey-client-", kUrl, 24, 80},
    {"Figma token", "figd_", kUrl, 36, 52},
    {"Postman API key", "PMAK-", kHex | kDash, 55, 64},
    {"Atlassian API token", "ATATT3xFfGF0", kUrl | kEquals, 120, 220},
    {"Bitbucket app password", "ATBB", kAlnum, 32, 32, with_dashes},
    {"HubSpot token", "pat-na1-", kHex | kDash, 36, 36},
    {"HubSpot token", "pat-eu1-", kHex | kDash, 36, 36},
    {"Dropbox token", "sl.", kUrl, 120, 400, with_dashes},
    {"SonarQube token", "sqp_", kHex, 40, 40},
    {"SonarQube token", "squ_", kHex, 40, 40},
    {"Mapbox secret token", "sk.eyJ", kUrl | kDot, 60, 200, two_parts},
    {"age secret key", "AGE-SECRET-KEY-1", kUpper | kDigit, 58, 58, age},
};

constexpr Named kNamed[] = {
    {"Mistral API key", "mistral", kAlnum, 32, 32},
    {"Cohere API key", "cohere", kAlnum, 40, 40},
    {"Together API key", "together", kHex, 64, 64},
    {"Deepgram API key", "deepgram", kHex, 40, 40},
    {"AssemblyAI API key", "assemblyai", kHex, 32, 32},
    {"Voyage API key", "voyage", kUrl, 30, 60},
    {"Stability AI key", "stability", kUrl, 40, 60},
    {"Weights & Biases API key", "wandb", kAnyHex, 40, 40},
    {"Exa API key", "exa", 0, 36, 36},
    {"Cloudflare API token", "cloudflare", kUrl, 37, 40},
    {"Cloudflare API token", "cf", kUrl, 37, 40},
    {"Hetzner API token", "hetzner", kAlnum, 64, 64},
    {"Hetzner API token", "hcloud", kAlnum, 64, 64},
    {"Linode token", "linode", kHex, 64, 64},
    {"Vultr API key", "vultr", kUpper | kDigit, 36, 36},
    {"Scaleway secret key", "scw", 0, 36, 36},
    {"Scaleway secret key", "scaleway", 0, 36, 36},
    {"Azure client secret", "azure", kUrl | kDot | kTilde, 32, 44},
    {"Azure client secret", "arm", kUrl | kDot | kTilde, 32, 44},
    {"Azure key", "azure", kAlnum, 32, 100},
    {"AWS secret access key", "aws", kBase64, 40, 40},
    {"AWS session token", "aws", kBase64 | kEquals, 100, 2000},
    {"Google Cloud key", "google", kUrl, 24, 60},
    {"Twilio auth token", "twilio", kHex, 32, 32},
    {"Mailgun API key", "mailgun", kHex | kDash, 32, 60},
    {"Postmark server token", "postmark", 0, 36, 36},
    {"Heroku API key", "heroku", 0, 36, 36},
    {"Railway token", "railway", 0, 36, 36},
    {"Snyk token", "snyk", 0, 36, 36},
    {"DeepL API key", "deepl", kHex | kDash | kColon | kLower, 36, 39},
    {"Vercel token", "vercel", kAlnum, 24, 24},
    {"Datadog key", "datadog", kHex, 32, 40},
    {"Datadog key", "dd", kHex, 32, 40},
    {"New Relic licence key", "newrelic", kAlnum, 36, 48},
    {"PagerDuty key", "pagerduty", kUrl | kPlusSlash, 20, 32},
    {"Airtable token", "airtable", kAlnum | kDot, 17, 90},
    {"Discord bot token", "discord", kUrl | kDot, 50, 80},
    {"Telegram bot token", "telegram", kUrl | kColon, 40, 50},
    {"LINE channel token", "line", kBase64 | kEquals, 100, 200},
    {"ngrok token", "ngrok", kWord, 40, 60},
    {"Tailscale key", "tailscale", kUrl, 30, 80},
    {"PayPal secret", "paypal", kUrl, 60, 90},
    {"OpenClaw gateway token", "openclaw", kUrl, 16, 128},
    {"OpenClaw gateway token", "clawdbot", kUrl, 16, 128},
};

}  // namespace

std::span<const Prefixed> prefixed() { return kPrefixed; }
std::span<const Named> named() { return kNamed; }

bool is_known_sample(std::string_view token) {
  constexpr std::array<std::string_view, 8> kSamples = {
      "AIOSFODNN7EXAMPLE",                // of AWS
      "bPxRfiCYEXAMPLEKEY",               //
      "4eC39HqLyjWDarjtT1zdp7dc",         // of Stripe
      "AAHdqTcvCH1vGWJxfSeofSAs0K5P",     // of Telegram
      "SflKxwRJSMeKKF2QT4fwpMeJf36P",     // of jwt.io
      "ABC-DEF1234ghIkl-zyx57W2v1u",      // of Telegram
      "TJVA95OrM7E2cBab30RMHrHDcEfxjo",   // of jwt.io, the old one
      "dBjftJeZ4CVP-mB92K27uhbUJU1p1r"};  // of RFC 7515
  return std::ranges::any_of(kSamples,
                             [&](auto sample) { return token.find(sample) != std::string_view::npos; });
}

std::optional<Range> match(const Prefixed& kind, std::string_view text, std::size_t at) {
  if (at > 0 && is_word(text[at - 1])) {
    // "\nsk-ant-…" in a quoted text.
    bool escape =
        at > 1 && text[at - 2] == '\\' && (text[at - 1] == 'n' || text[at - 1] == 't' || text[at - 1] == 'r');
    if (!escape) return std::nullopt;
  }
  if (at > 0 && text[at - 1] == '-' && at > 1 && is_word(text[at - 2]) && kind.anchor.size() < 6)
    return std::nullopt;
  auto begin = at + kind.anchor.size();
  auto end = begin;
  auto limit = std::min(text.size(), begin + kind.most + 1);
  while (end < limit && in(text[end], kind.alphabet)) ++end;
  // The dot that ends a sentence.
  while (end > begin && text[end - 1] == '.') --end;
  auto size = end - begin;
  if (size < kind.least || size > kind.most) return std::nullopt;
  // It goes on as something else: a piece of a longer text in base64, or a word.
  if (end < text.size() && (is_word(text[end]) || text[end] == '/' || text[end] == '+')) return std::nullopt;
  if (end + 2 < text.size() && text.substr(end, 3) == "...") return std::nullopt;
  auto token = text.substr(at, end - at);
  auto tail = text.substr(begin, size);
  if (is_known_sample(token) || has_placeholder_word(tail)) return std::nullopt;
  if (kind.check != nullptr ? !kind.check(token) : !is_plausible(tail)) return std::nullopt;
  return Range{at, end};
}

}  // namespace meshops::audit::secrets
