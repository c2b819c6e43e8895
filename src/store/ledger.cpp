#include "store/ledger.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/text.h"
#include "store/database.h"

namespace meshops::store {

namespace {

constexpr std::array<std::string_view, 4> kDeeds = {"intended", "done", "failed", "undone"};
constexpr std::array<std::string_view, 6> kVerdicts = {"open",   "helped",      "no_help",
                                                       "failed", "interrupted", "undone"};

template <class E, std::size_t N>
std::optional<E> named(const std::array<std::string_view, N>& names, std::string_view name) {
  auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<E>(found - names.begin());
}

std::int64_t ms(WallTime time) { return time.time_since_epoch().count(); }
WallTime wall(std::int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }

constexpr std::string_view kColumns =
    "e.id, e.gateway, e.cause, e.score, e.remedy, e.sentence, e.evidence, e.incident, e.actor, e.began_ms, "
    "e.ended_ms, e.verdict, e.note, s.id, s.number, s.action, s.words, s.deed, s.at_ms, s.took_ns, s.error";

class SqliteLedger final : public Ledger {
 public:
  explicit SqliteLedger(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  const std::string& note() const override { return database_->note(); }

  Result<std::int64_t> begin(const Entry& entry) override {
    return database_->insert(
        "INSERT INTO entries(gateway, cause, score, remedy, sentence, evidence, incident, actor, began_ms, "
        "verdict, "
        "note) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'open', ?10)",
        {entry.gateway, entry.cause, entry.score, entry.remedy, entry.sentence, entry.evidence,
         entry.incident, entry.by, ms(entry.began), entry.note});
  }

  Result<std::int64_t> intend(std::int64_t entry, const Step& step) override {
    auto id = database_->insert(
        "INSERT INTO steps(entry, number, action, words, deed, at_ms, took_ns, error) "
        "SELECT id, ?2, ?3, ?4, 'intended', ?5, ?6, ?7 FROM entries WHERE id = ?1",
        {entry, std::int64_t{step.number}, step.action, step.words, ms(step.at), step.took.count(),
         step.error});
    if (!id && id.error().is(code_name(StoreCode::not_found))) return fail(no("treatment", entry));
    return id;
  }

  Status settle(std::int64_t step, Deed deed, Duration took, std::string_view error,
                std::string_view action) override {
    auto rows =
        TRY(database_->change("UPDATE steps SET deed = ?2, took_ns = ?3, error = ?4, "
                              "action = CASE ?5 WHEN '' THEN action ELSE ?5 END WHERE id = ?1",
                              {step, text(deed), took.count(), error, action}));
    if (rows == 0) return fail(no("step", step));
    return ok();
  }

  Status end(std::int64_t entry, Verdict verdict, WallTime at, std::string_view note) override {
    auto rows = TRY(database_->change(
        "UPDATE entries SET verdict = ?2, ended_ms = coalesce(ended_ms, ?3), note = ?4 WHERE id = ?1",
        {entry, text(verdict), ms(at), note}));
    if (rows == 0) return fail(no("treatment", entry));
    return ok();
  }

  Result<std::vector<Entry>> list(const Query& query) const override {
    // One statement, so that a step which is written meanwhile is seen with its entry or not at all.
    return entries(
        fmt::format(
            "SELECT {} FROM (SELECT * FROM entries WHERE (?1 = '' OR gateway = ?1) AND began_ms >= ?2 "
            "AND (?3 = 0 OR verdict = 'open') ORDER BY id DESC LIMIT ?4) e "
            "LEFT JOIN steps s ON s.entry = e.id ORDER BY e.id DESC, s.number, s.id",
            kColumns),
        {query.gateway, query.since ? ms(*query.since) : std::numeric_limits<std::int64_t>::min(),
         std::int64_t{query.only_open}, static_cast<std::int64_t>(query.at_most)});
  }

  Result<Entry> get(std::int64_t entry) const override {
    auto found = TRY(
        entries(fmt::format("SELECT {} FROM entries e LEFT JOIN steps s ON s.entry = e.id WHERE e.id = ?1 "
                            "ORDER BY s.number, s.id",
                            kColumns),
                {entry}));
    if (found.empty()) return fail(no("treatment", entry));
    return std::move(found.front());
  }

  Result<std::size_t> forget_before(WallTime time) override {
    return database_->change("DELETE FROM entries WHERE began_ms < ?1 AND verdict <> 'open'", {ms(time)});
  }

 private:
  static Error no(std::string_view what, std::int64_t id) {
    return error(StoreCode::not_found, "the ledger has no {} {}", what, id).hint("see: meshops ledger");
  }

  Result<std::vector<Entry>> entries(const std::string& sql, std::initializer_list<Value> values) const {
    std::vector<Entry> out;
    std::string strange;  // a word that no version of ours has written
    CHECK_OK(database_->each(sql, values, [&](const Row& row) {
      if (out.empty() || out.back().id != row.number(0)) {
        Entry& entry = out.emplace_back();
        entry.id = row.number(0);
        entry.gateway = row.text(1);
        entry.cause = row.text(2);
        entry.score = row.real(3);
        entry.remedy = row.text(4);
        entry.sentence = row.text(5);
        entry.evidence = row.text(6);
        entry.incident = row.text(7);
        entry.by = row.text(8);
        entry.began = wall(row.number(9));
        if (!row.null(10)) entry.ended = wall(row.number(10));
        auto verdict = named<Verdict>(kVerdicts, row.text(11));
        if (!verdict) strange = row.text(11);
        entry.verdict = verdict.value_or(Verdict::open);
        entry.note = row.text(12);
      }
      if (row.null(13)) return;
      auto deed = named<Deed>(kDeeds, row.text(17));
      if (!deed) strange = row.text(17);
      out.back().steps.push_back({.id = row.number(13),
                                  .number = static_cast<unsigned>(row.number(14)),
                                  .action = row.text(15),
                                  .words = row.text(16),
                                  .deed = deed.value_or(Deed::intended),
                                  .at = wall(row.number(18)),
                                  .took = Duration(row.number(19)),
                                  .error = row.text(20)});
    }));
    if (!strange.empty())
      return fail(StoreCode::damaged, "the ledger says {}, which means nothing", quote(strange));
    return out;
  }

  std::unique_ptr<Database> database_;
};

}  // namespace

std::string_view text(Deed deed) { return kDeeds[static_cast<std::size_t>(deed)]; }
std::string_view text(Verdict verdict) { return kVerdicts[static_cast<std::size_t>(verdict)]; }

Result<std::unique_ptr<Ledger>> Ledger::open(const std::filesystem::path& file) {
  return std::make_unique<SqliteLedger>(TRY(Database::open(file, Database::For::agent)));
}
Result<std::unique_ptr<const Ledger>> Ledger::read(const std::filesystem::path& file) {
  return std::make_unique<const SqliteLedger>(TRY(Database::open(file, Database::For::reader)));
}

}  // namespace meshops::store
