// The part of the table of mesh.toml that says how people are told.
#include "config/schema.h"
#include "config/schema_key.h"

namespace meshops::schema {

using namespace std::chrono_literals;

namespace {
constexpr unsigned bit(AlertKind k) { return 1U << static_cast<unsigned>(k); }
constexpr OnlyFor kHooks{.alerts = bit(AlertKind::webhook) | bit(AlertKind::slack) | bit(AlertKind::discord) |
                                   bit(AlertKind::telegram)};
constexpr OnlyFor kMail{.alerts = bit(AlertKind::smtp)};
}  // namespace

std::span<const Key<AlertSpec>> alert_keys() {
  static const std::vector<Key<AlertSpec>> keys = {
      key<&AlertSpec::name>(
          {.name = "name",
           .type = Type::name,
           .meaning = "What it is called in `meshops alerts` and in errors, which never show its URL.",
           .example = "\"phone\"",
           .required = true}),
      key<&AlertSpec::kind>(
          {.name = "kind",
           .type = Type::choice,
           .meaning = "Where it goes: a URL that takes our own JSON, the hook of a chat, mail, or a "
                      "program of yours.",
           .example = "\"telegram\"",
           .required = true,
           .choices = names_of(AlertKind{})}),
      key<&AlertSpec::url>({.name = "url",
                            .type = Type::url,
                            .meaning =
                                "Where it is sent. Whoever knows the URL of a chat's hook can write there: "
                                "better put it into url_file.",
                            .example = "\"https://status.example.org/meshops\"",
                            .default_words = "none",
                            .only_for = kHooks}),
      key<&AlertSpec::url_file>(
          {.name = "url_file",
           .type = Type::path,
           .meaning = "A file that holds the URL, for the agent's eyes only (mode 600); read anew "
                      "for each alert. Telegram: https://api.telegram.org/botTOKEN.",
           .example = "\"/etc/meshops/phone.url\"",
           .default_words = "none",
           .only_for = kHooks}),
      key<&AlertSpec::chat_id>({.name = "chat_id",
                                .type = Type::line,
                                .meaning = "The chat that the bot writes to. Needed for kind telegram.",
                                .example = "\"-1001234567890\"",
                                .default_words = "none",
                                .only_for = {.alerts = bit(AlertKind::telegram)}}),
      key<&AlertSpec::server>(
          {.name = "server",
           .type = Type::mail_server,
           .meaning = "The mail server: smtps:// is TLS from the first byte, smtp:// begins without and "
                      "must offer STARTTLS (except on this machine). Needed for kind smtp, with the "
                      "program curl.",
           .example = "\"smtps://mail.example.org:465\"",
           .default_words = "none",
           .only_for = kMail}),
      key<&AlertSpec::from>({.name = "from",
                             .type = Type::mailbox,
                             .meaning = "The sender's address. Needed for kind smtp.",
                             .example = "\"meshops@example.org\"",
                             .default_words = "none",
                             .only_for = kMail}),
      key<&AlertSpec::to>({.name = "to",
                           .type = Type::mailboxes,
                           .meaning = "Who gets the mail. Needed for kind smtp.",
                           .example = "[\"ops@example.org\"]",
                           .default_words = "none",
                           .only_for = kMail}),
      key<&AlertSpec::user>({.name = "user",
                             .type = Type::line,
                             .meaning = "The account at the mail server, if it wants one.",
                             .example = "\"meshops@example.org\"",
                             .default_words = "none",
                             .only_for = kMail}),
      key<&AlertSpec::password_file>({.name = "password_file",
                                      .type = Type::path,
                                      .meaning = "A file that holds that account's password (mode 600).",
                                      .example = "\"/etc/meshops/mail.password\"",
                                      .default_words = "none",
                                      .only_for = kMail}),
      key<&AlertSpec::command>(
          {.name = "command",
           .type = Type::words,
           .meaning = "A program and its arguments; no shell is involved. It gets the alert as JSON "
                      "(meshops.alert/1) on its stdin and has 30 s; an exit code other than 0 means "
                      "that it must be tried again.",
           .example = "[\"/usr/local/bin/page-me\"]",
           .default_words = "none",
           .only_for = {.alerts = bit(AlertKind::command)}}),
      key<&AlertSpec::quiet>(
          {.name = "quiet",
           .type = Type::duration,
           .meaning = "The same about the same gateway is not said again within this time, unless it had "
                      "recovered meanwhile.",
           .example = "\"6h\"",
           .at_most = ms(168h)}),
      key<&AlertSpec::per_hour>(
          {.name = "per_hour",
           .type = Type::count,
           .meaning = "At most so many in an hour. Of those over it the newest is sent when there is room "
                      "again, and says how many it stands for.",
           .example = "30",
           .at_least = 1,
           .at_most = 1000}),
  };
  return keys;
}

}  // namespace meshops::schema
