// SPDX-License-Identifier: GPL-3.0-or-later
internal import DaemonRuntime
internal import Sealing
internal import Secrets

/// The key that seals KMS secrets at rest in the coordinator's store.
struct RootKey: Sendable {
  /// The file's name in the data directory.
  static let name = "root.key"
  private static let length = 32

  private let key: Secret

  /// Reads the key; makes one at the first start, unless `file` names one that somebody else provides.
  ///
  /// If something `isSealed` already, a missing key is not replaced by another, which could open nothing.
  static func load(directory: String, file: String?, isSealed: Bool) throws(ConfigurationError) -> RootKey {
    let path = file ?? directory + "/" + name
    do {
      if file == nil && !isSealed && !DurableFile.exists(path) {
        try SecretFile.create(path, holding: .random(count: length))
      }
      let key = try SecretFile.read(path, limit: length)
      guard key.count == length else {
        throw ConfigurationError(
          .invalidValue, "\(path) has \(key.count) bytes, a root key has \(length); restore it from its copy")
      }
      return RootKey(key: Secret(key))
    } catch let error as ConfigurationError {
      throw error
    } catch let error as SecretsError {
      throw ConfigurationError(.unreadable, "the root key can't be used: \(error)")
    } catch {
      throw ConfigurationError(.unreadable, "the root key can't be used")
    }
  }

  /// Seals a secret, bound to what it belongs to.
  func seal(_ secret: Secret, context: [UInt8]) throws(SealingError) -> [UInt8] {
    try secret.withSecret { (secret) throws(SealingError) in
      try key.withSecret { (root) throws(SealingError) in try SealedBox.seal(secret, under: root, context: context) }
    }
  }

  /// Opens what `seal` made with the same context.
  func open(_ sealed: [UInt8], context: [UInt8]) throws(SealingError) -> Secret {
    Secret(
      try key.withSecret { (root) throws(SealingError) in try SealedBox.open(sealed, under: root, context: context) })
  }
}
