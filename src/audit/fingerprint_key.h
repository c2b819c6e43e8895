// The key that fingerprints of secrets are made with, kept in the state directory: made at the first use,
// 0600, the same on every node once the owner has copied it there. Shown to nobody.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace meshops::audit {

constexpr std::string_view kFingerprintKeyFile = "fingerprint.key";

/// 64 hexadecimal digits. An Error if the file is not one of those, if others may read it, or if it can
/// neither be read nor made.
Result<Secret> fingerprint_key(const std::filesystem::path& state_dir);

}  // namespace meshops::audit
