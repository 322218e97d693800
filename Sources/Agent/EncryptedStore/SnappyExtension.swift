// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc

/// Where Debian and its relatives install WiredTiger's snappy extension.
enum SnappyExtension {
  static let fileName = "libwiredtiger_snappy.so"

  #if arch(x86_64)
    static let architectureFolders = ["/usr/lib/x86_64-linux-gnu", "/usr/local/lib/x86_64-linux-gnu"]
  #elseif arch(arm64)
    static let architectureFolders = ["/usr/lib/aarch64-linux-gnu", "/usr/local/lib/aarch64-linux-gnu"]
  #else
    static let architectureFolders: [String] = []
  #endif

  static let folders = architectureFolders + ["/usr/lib64", "/usr/lib", "/usr/local/lib"]

  /// The first that exists.
  static func find() -> String? {
    folders.lazy.map { $0 + "/" + fileName }.first { unsafe access($0, R_OK) == 0 }
  }
}
