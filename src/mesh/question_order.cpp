#include "mesh/question_order.h"

namespace meshops::mesh {

bool QuestionOrder::take(Instant now, const Question& question) {
  if (!members_.contains(question.asker)) return false;
  auto [at, first] = askers_.try_emplace(question.asker, Asker{.began = question.began});
  auto& asker = at->second;
  if (!first && question.began < asker.began && now - asker.heard <= silence_) return false;
  if (question.began != asker.began) asker = {.began = question.began};
  // What a stranger to us needs we cannot do anyway.
  if (members_.contains(question.patient)) {
    auto [last, unasked] = asker.rounds.try_emplace(question.patient, question.round);
    if (!unasked && question.round <= last->second) return false;
    last->second = question.round;
  }
  asker.heard = now;
  return true;
}

}  // namespace meshops::mesh
