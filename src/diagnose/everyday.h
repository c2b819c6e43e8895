// What a healthy node writes all day: a needle is good if it is rare in it. Called when the needles are
// chosen. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace meshops::diagnose {

/// Lines of our own in the formats that gateways, systemd, kernels and sshd write.
std::string_view everyday_lines();

/// `needle` in lower case; letters there match in either case.
std::size_t times_in_everyday_lines(std::string_view needle);

/// The same of four bytes, at once: sometimes too much, never too little.
std::size_t gram_in_everyday_lines(std::string_view gram);

/// So many bytes of `needle` that are least like those lines.
std::string_view rarest_part(std::string_view needle, std::size_t size);

}  // namespace meshops::diagnose
