// SPDX-License-Identifier: GPL-3.0-or-later
/// A file that exists in a test only.
func snippet(_ text: String, at path: String = "Sources/Shared/Sample/Sample.swift") -> Source {
  Source(path: path, text: text)
}

extension Sequence where Element == Finding {
  /// What is found, as `line rule`.
  var marks: [String] { sorted().map { "\($0.line) \($0.rule.rawValue)" } }
}
