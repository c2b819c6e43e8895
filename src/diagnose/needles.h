// Needles: for a pattern, literal words of which every match contains at least one. Called by the scanner,
// which looks for all needles of all signatures at once and runs a pattern only near its own. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace meshops::diagnose {

/// Lower case, each as long as Finder takes them. Empty if there is no such set: then the pattern must change
/// (a unit test looks). Knows the syntax that the signature tables use: alternatives, groups, classes,
/// repeats, anchors, escapes.
std::vector<std::string> needles_of(std::string_view pattern);

}  // namespace meshops::diagnose
