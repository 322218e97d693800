// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement

/// A role of AWS's dialect: who may assume it, and with which word.
struct Role: Sendable, Codable, Equatable {
  /// The most roles, and the seconds a session may last (STS API reference, AssumeRole).
  static let maximumCount = 1000
  static let sessionSeconds: ClosedRange<Int64> = 900...43_200

  let name: String
  let createdSeconds: Int64
  /// The access keys that may assume it; empty for all.
  let trusted: [String]
  /// The external id that whoever assumes it has to say.
  let externalID: String?

  /// What stands for the role among the access keys that a key denies.
  var denialID: String { "role/\(name)" }

  /// Whether a text can be a role's name (IAM API reference, CreateRole).
  static func isName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || Array("+=,.@-_".utf8).contains($0)
      }
  }
}

/// A session of a role, which stands in the session token and nowhere else.
struct RoleSession: Sendable, Codable {
  let accessKeyID: String
  /// The secret access key, sealed under the root key.
  let sealedSecret: String
  let role: String
  let name: String
  let expiresSeconds: Int64
  let policy: String?
}

/// What this machine's metadata service hands out.
struct MachineIdentity: Sendable, Codable, Equatable {
  var role: String?
  var client: String?
  var serviceAccount: String?
}
