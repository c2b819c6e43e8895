#include "audit/secrets.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace meshops::audit {
namespace {

// Made-up values are put together here from pieces, so that nothing that looks at this file sees a secret.
std::string of(std::string_view alphabet, std::size_t count, unsigned seed) {
  std::mt19937 dice(seed);
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += alphabet[dice() % alphabet.size()];
  return out;
}
constexpr std::string_view kHexLetters = "0123456789abcdef";
constexpr std::string_view kAll = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kUpLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
std::string hex(std::size_t n, unsigned seed = 1) { return of(kHexLetters, n, seed); }
std::string alnum(std::size_t n, unsigned seed = 1) { return of(kAll, n, seed); }
std::string up(std::size_t n, unsigned seed = 1) { return of(kUpLetters, n, seed); }
std::string uuid() { return hex(8) + "-" + hex(4, 2) + "-" + hex(4, 3) + "-" + hex(4, 4) + "-" + hex(12, 5); }

struct Sample {
  std::string_view kind;
  std::string text;    // of a file
  std::string secret;  // in it
};

std::vector<Sample> samples() {
  std::vector<Sample> out;
  auto bare = [&](std::string_view kind, const std::string& secret) {
    out.push_back({kind, "first line\nx = \"" + secret + "\"\n", secret});
  };
  auto named = [&](std::string_view kind, const std::string& name, const std::string& secret) {
    out.push_back({kind, "# settings\n" + name + "=" + secret + "\n", secret});
  };
  bare("Anthropic API key", std::string("sk-ant-") + "api03-" + alnum(93) + "AA");
  bare("Anthropic OAuth token", std::string("sk-ant-") + "oat01-" + alnum(90));
  bare("Anthropic admin key", std::string("sk-ant-") + "admin01-" + alnum(90));
  bare("OpenAI API key", std::string("sk-") + "proj-" + alnum(60) + "T3BlbkFJ" + alnum(60, 2));
  bare("OpenAI service account key", std::string("sk-") + "svcacct-" + alnum(100));
  bare("OpenAI admin key", std::string("sk-") + "admin-" + alnum(100));
  bare("OpenAI API key", std::string("sk-") + alnum(20) + "T3BlbkFJ" + alnum(20, 2));
  bare("OpenRouter API key", std::string("sk-") + "or-v1-" + hex(64));
  bare("DeepSeek API key", std::string("sk-") + hex(32));
  bare("Google API key", std::string("AI") + "za" + alnum(35));
  bare("Groq API key", std::string("gsk") + "_" + alnum(52));
  bare("xAI API key", std::string("xai") + "-" + alnum(80));
  bare("Hugging Face token", std::string("hf") + "_" + of(kAll.substr(10), 34, 3));
  bare("Replicate API token", std::string("r8") + "_" + alnum(37));
  bare("Perplexity API key", std::string("pplx") + "-" + alnum(48));
  bare("Fireworks API key", std::string("fw") + "_" + alnum(24));
  bare("Together API key", std::string("tgp") + "_v1_" + alnum(43));
  bare("Cerebras API key", std::string("csk") + "-" + alnum(48));
  bare("NVIDIA API key", std::string("nvapi") + "-" + alnum(64));
  bare("ElevenLabs API key", std::string("sk") + "_" + hex(48));
  bare("Tavily API key", std::string("tvly") + "-dev-" + alnum(32));
  bare("Brave Search API key", std::string("BS") + "A" + alnum(28));
  bare("LangSmith API key", std::string("lsv2") + "_pt_" + hex(32) + "_" + hex(10));
  bare("Telegram bot token", std::string("72") + "83915460" + ":A" + "A" + alnum(33));
  bare("Discord webhook",
       std::string("https://discord.com/api/web") + "hooks/112233445566778899/" + alnum(68));
  bare("Slack token", std::string("xox") + "b-" + "2837465019-3847561092-" + alnum(24));
  bare("Slack token", std::string("xox") + "p-" + "2837465019-3847561092-" + hex(32));
  bare("Slack app token", std::string("xa") + "pp-1-A028374-3847561092-" + hex(64));
  bare("Slack webhook",
       std::string("https://hooks.sl") + "ack.com/services/T0" + up(8) + "/B0" + up(8) + "/" + alnum(24));
  for (auto [kind, prefix] : {std::pair("GitHub personal access token",
                                        "gh"
                                        "p_"),
                              {"GitHub OAuth token",
                               "gh"
                               "o_"},
                              {"GitHub user token",
                               "gh"
                               "u_"},
                              {"GitHub server token",
                               "gh"
                               "s_"},
                              {"GitHub refresh token",
                               "gh"
                               "r_"}})
    bare(kind, prefix + alnum(36));
  bare("GitHub fine-grained token", std::string("github") + "_pat_" + alnum(22) + "_" + alnum(59, 2));
  bare("GitLab access token", std::string("glp") + "at-" + alnum(20));
  bare("npm token", std::string("np") + "m_" + alnum(36));
  bare("PyPI token", std::string("py") + "pi-AgEIcHlwaS5vcmc" + alnum(80));
  bare("Docker Hub token", std::string("dckr") + "_pat_" + alnum(27));
  bare("AWS access key", std::string("AK") + "IA" + up(16));
  bare("AWS temporary access key", std::string("AS") + "IA" + up(16));
  named("AWS secret access key", "aws_secret_access_key", alnum(19) + "/" + alnum(20, 2));
  bare("Google OAuth client secret", std::string("GOC") + "SPX-" + alnum(28));
  bare("Google OAuth access token", std::string("ya") + "29." + alnum(80));
  bare("Azure client secret", "a1b" + std::string("8") + "Q" + "~" + alnum(34));
  bare("Azure account key", std::string("AccountName=x;Account") + "Key=" + alnum(86) + "==");
  bare("DigitalOcean token", std::string("dop") + "_v1_" + hex(64));
  named("Hetzner API token", "HCLOUD_TOKEN", alnum(64));
  named("Linode token", "LINODE_TOKEN", hex(64));
  named("Vultr API key", "VULTR_API_KEY", up(36));
  named("Cloudflare API token", "CLOUDFLARE_API_TOKEN", alnum(40));
  bare("Stripe live key", std::string("sk") + "_live_" + alnum(24));
  bare("Stripe live restricted key", std::string("rk") + "_live_" + alnum(24));
  bare("Twilio API key", std::string("S") + "K" + hex(32));
  named("Twilio auth token", "TWILIO_AUTH_TOKEN", hex(32));
  bare("SendGrid API key", std::string("S") + "G." + alnum(22) + "." + alnum(43, 2));
  bare("Mailgun API key", std::string("ke") + "y-" + hex(32));
  bare("Mailchimp API key", hex(32) + "-us" + "21");
  named("Postmark server token", "POSTMARK_TOKEN", uuid());
  bare("Notion token", std::string("nt") + "n_" + alnum(46));
  bare("Linear API key", std::string("lin") + "_api_" + alnum(40));
  named("Airtable token", "AIRTABLE_API_KEY", "pa" + std::string("t") + alnum(14) + "." + hex(64));
  bare("Shopify access token", std::string("shp") + "at_" + hex(32));
  bare("Square access token", std::string("sq0") + "atp-" + alnum(22));
  named("Datadog key", "DD_API_KEY", hex(32));
  bare("New Relic user key", std::string("NR") + "AK-" + up(27));
  bare("Sentry token", std::string("sntr") + "ys_" + alnum(120));
  bare("Grafana service account token", std::string("gl") + "sa_" + alnum(32) + "_" + hex(8));
  bare("Grafana cloud token", std::string("gl") + "c_" + alnum(80));
  named("Heroku API key", "HEROKU_API_KEY", uuid());
  named("Vercel token", "VERCEL_TOKEN", alnum(24));
  bare("Netlify token", std::string("nf") + "p_" + alnum(36));
  bare("Supabase token", std::string("sb") + "p_" + hex(40));
  bare("PlanetScale token", std::string("pscale") + "_tkn_" + alnum(43));
  bare("Doppler token", std::string("dp") + ".pt." + alnum(43));
  bare("HashiCorp Vault token", std::string("hv") + "s." + alnum(90));
  bare("Terraform Cloud token", alnum(14) + ".atlas" + "v1." + alnum(67, 2));
  bare("Pulumi access token", std::string("pu") + "l-" + hex(40));
  bare("Tailscale auth key", std::string("tskey") + "-auth-" + alnum(12) + "-" + alnum(32, 2));
  named("Mistral API key", "MISTRAL_API_KEY", alnum(32));
  named("Cohere API key", "CO_COHERE_API_KEY", alnum(40));
  bare("age secret key", std::string("AGE-SECRET") + "-KEY-1" + up(58));
  bare("Figma token", std::string("fig") + "d_" + alnum(40));
  bare("Postman API key", std::string("PM") + "AK-" + hex(24) + "-" + hex(34, 2));
  named("OpenClaw gateway token", "OPENCLAW_GATEWAY_TOKEN", hex(48));
  named("password", "DATABASE_PASSWORD", "tr0ub4dor&3");
  named("token", "MY_SERVICE_TOKEN", alnum(24));
  named("API key", "WEATHER_API_KEY", hex(32));
  named("secret", "JWT_SECRET", alnum(48));
  bare("JSON web token", std::string("ey") + "JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." +
                             "eyJzdWIiOiJhbHBoYSIsImlhdCI6MTczMH0" + "." + alnum(43));
  out.push_back(
      {"password in a URL", "DSN: postgres://claw:" + alnum(14) + "@db.internal:5432/claw\n", alnum(14)});
  out.push_back({"bearer token",
                 "curl -H 'Authorization: Bea"
                 "rer " +
                     alnum(40) + "' x\n",
                 alnum(40)});
  auto wireguard = alnum(43) + "=";
  out.push_back({"private key",
                 "[Interface]\nPrivate"
                 "Key = " +
                     wireguard + "\n",
                 wireguard});
  auto pem = std::string("-----BEGIN OPENSSH PRIV") + "ATE KEY-----\n" + alnum(70) + "\n" + alnum(70, 2) +
             "\n-----END OPENSSH PRIV" + "ATE KEY-----";
  out.push_back({"OpenSSH private key", "\n" + pem + "\n", pem});
  auto gcp = std::string("-----BEGIN PRIV") + "ATE KEY-----\\n" + alnum(64) + "\\n" + alnum(64, 2) +
             "\\n-----END PRIV" + "ATE KEY-----";
  out.push_back({"private key", "{\"private_key\": \"" + gcp + "\\n\"}\n", gcp});
  return out;
}

TEST(Secrets, EveryKindIsFoundWhereItStands) {
  std::set<std::string_view> kinds;
  for (const auto& s : samples()) {
    auto hits = find_secrets(s.text);
    ASSERT_EQ(hits.size(), 1U) << s.kind << ": " << s.text;
    EXPECT_EQ(hits[0].kind, s.kind) << s.text;
    kinds.insert(hits[0].kind);
    auto at = s.text.find(s.secret);
    // A webhook's secret begins behind the scheme.
    if (s.secret.starts_with("https://")) at += 8;
    if (s.secret.starts_with("AccountName")) at = s.text.find("Key=") + 4;
    EXPECT_EQ(hits[0].offset, at) << s.kind;
    EXPECT_EQ(hits[0].line, 1 + static_cast<std::size_t>(std::count(
                                    s.text.begin(), s.text.begin() + static_cast<std::ptrdiff_t>(at), '\n')));
    EXPECT_EQ(hits[0].offset + hits[0].length, at + s.secret.size() - (at - s.text.find(s.secret))) << s.kind;
  }
  EXPECT_GE(kinds.size(), 60U);
  EXPECT_GE(secret_kinds().size(), 60U);
}

TEST(Secrets, NamesAndColumnsAreTold) {
  auto key = "sk-ant" + std::string("-api03-") + alnum(80);
  auto hits = find_secrets("a: 1\n  anthropicApiKey: \"" + key + "\",\n");
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].name, "anthropicApiKey");
  EXPECT_EQ(hits[0].line, 2U);
  EXPECT_EQ(hits[0].column, 21U);
}

TEST(Secrets, PlaceholdersAndReferencesAreNone) {
  for (const std::string& text : {
           std::string("ANTHROPIC_API_KEY=sk-") + "ant-your-key-goes-in-this-place-please\n",
           std::string("OPENAI_API_KEY=sk-") + "...\n",
           std::string("OPENAI_API_KEY=sk-") + "proj-" + std::string(48, 'x') + "\n",
           std::string("OPENAI_API_KEY=sk-") + "1234567890abcdef1234567890abcdef\n",
           std::string("api_key: ${API_KEY}\n"),
           std::string("api_key: \"{{ vault.api_key }}\"\n"),
           std::string("const token = process.env.GATEWAY_TOKEN;\n"),
           std::string("password = os.environ[\"DATABASE_PASSWORD\"]\n"),
           std::string("password: changeme\n"),
           std::string("PASSWORD=<your-password>\n"),
           std::string("POSTGRES_PASSWORD_FILE=/run/secrets/postgres\n"),
           std::string("GOOGLE_APPLICATION_CREDENTIALS=/etc/gcp/key.json\n"),
           std::string("secretKeyRef: {name: token, key: gateway}\n"),
           std::string("const maxTokens = 8192;\n  max_tokens: 4096a8192b\n"),
           std::string("token = getToken(request, secondArgument1)\n"),
           std::string("token: string | undefined;\n"),
           std::string("this.secretToken = options.secretToken2;\n"),
           std::string("fmt.Printf(\"token=%s\", token)\n"),
           std::string("aws_access_key_id = AK") + "IAIOSFODNN7EXAMPLE\n",
           std::string("url = postgres://user:password@localhost/db\n"),
           std::string("url = postgres://postgres:postgres@localhost/db\n"),
           std::string("url = https://${USER}:${PASS}@example.org/\n"),
           std::string("PasswordAuthentication no\n"),
           std::string("\"integrity\": \"sha512-") + alnum(86) + "==\"\n",
           std::string("commit ") + hex(40) + "\n",
           std::string("image: repo/app@sha256:") + hex(64) + "\n",
           std::string("PublicKey = ") + alnum(43) + "=\n",
           std::string("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI") + alnum(43) + " me@host\n",
           std::string("password_hash: $2b$12$") + alnum(53) + "\n",
           std::string("-----BEGIN PUBLIC KEY-----\n") + alnum(64) + "\n-----END PUBLIC KEY-----\n",
           std::string("-----BEGIN RSA PRIV") + "ATE KEY-----\n...\n-----END RSA PRIV" + "ATE KEY-----\n",
           std::string("token_type=bearer_token_value\n"),
           std::string("label: \"Enter your password here\"\n"),
           std::string("\"passwordPlaceholder\": \"Passwort eingeben1\"\n"),
           std::string("disk-") + alnum(48) + "\n",
           std::string("// uses secret: see docs/secrets.md\n"),
       })
    for (const auto& hit : find_secrets(text)) ADD_FAILURE() << hit.kind << " in " << text;
}

TEST(Secrets, NameAndValueOfAnEnvironment) {
  EXPECT_TRUE(gives_secret("POSTGRES_PASSWORD", "hunter2"));
  EXPECT_TRUE(gives_secret("POSTGRES_PASSWORD", "SuperSecret99!"));
  EXPECT_TRUE(gives_secret("DB_PASS", "kq7hGz81"));
  EXPECT_TRUE(gives_secret("API_TOKEN", alnum(20)));
  EXPECT_TRUE(gives_secret("WHATEVER", "gh" + std::string("p_") + alnum(36)));
  EXPECT_TRUE(gives_secret("DATABASE_URL", "postgres://app:" + alnum(12) + "@db/app"));
  EXPECT_FALSE(gives_secret("POSTGRES_PASSWORD", ""));
  EXPECT_FALSE(gives_secret("POSTGRES_PASSWORD", "changeme"));
  EXPECT_FALSE(gives_secret("POSTGRES_PASSWORD", "${POSTGRES_PASSWORD}"));
  EXPECT_FALSE(gives_secret("POSTGRES_PASSWORD", "$POSTGRES_PASSWORD"));
  EXPECT_FALSE(gives_secret("POSTGRES_PASSWORD_FILE", "/run/secrets/pg"));
  EXPECT_FALSE(gives_secret("TOKEN_TTL", "86400"));
  EXPECT_FALSE(gives_secret("MAX_TOKENS", "819200"));
  EXPECT_FALSE(gives_secret("POSTGRES_USER", alnum(20)));
  EXPECT_FALSE(gives_secret("TOKENIZER", "cl100k_base99"));
  EXPECT_FALSE(gives_secret("API_KEY", "your-api-key-here"));
  EXPECT_FALSE(gives_secret("API_KEY", "<insert>"));
}

TEST(Secrets, NamesOfSecrets) {
  for (auto name : {"DATABASE_PASSWORD", "api-key", "botToken", "apiKey", "clientSecret", "gatewaytoken",
                    "DB_PASS", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "private_key"})
    EXPECT_TRUE(names_secret(name)) << name;
  for (auto name : {"PASSWORD_FILE", "SECRET_NAME", "TOKEN_URL", "max_tokens", "tokenizer", "public_key",
                    "KEY", "PWD", "PATH", "AWS_ACCESS_KEY_ID", "passwordHash", "secretKeyRef"})
    EXPECT_FALSE(names_secret(name)) << name;
}

TEST(Secrets, ALongTextIsReadOnce) {
  std::string text;
  for (int i = 0; i < 200'000; ++i)
    text += "token token= secret: \"\" password='' https://a:b@ -----BEGIN eyJ sk- ghp_\n";
  EXPECT_TRUE(find_secrets(text).empty());
}

}  // namespace
}  // namespace meshops::audit
