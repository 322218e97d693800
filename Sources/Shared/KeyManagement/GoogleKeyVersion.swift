// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel

/// The resource name of one version of a Google Cloud KMS key:
/// `projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N`.
///
/// A name without a version is refused: it means whatever version is primary at the moment.
public struct GoogleKeyVersion: Sendable, Hashable, CustomStringConvertible {
  /// The longest name accepted, in bytes.
  public static let maximumLength = 512

  /// The project whose key it is, an id or a number.
  public let project: String
  /// The location.
  public let location: String
  /// The number of the version.
  public let version: String
  /// The name of the key, without its version.
  public let cryptoKey: String

  /// The name as Google writes it.
  public var description: String { "\(cryptoKey)/cryptoKeyVersions/\(version)" }

  /// Parses a name; throws `ModelError` saying which part is wrong.
  public init(_ text: String) throws(ModelError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let form = "projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N"
    let labels = ["projects", "locations", "keyRings", "cryptoKeys", "cryptoKeyVersions"]
    guard text.utf8.count <= Self.maximumLength, parts.count >= 8,
      (0..<4).allSatisfy({ parts[$0 * 2] == labels[$0] })
    else { throw Self.fault("the key must be named by its resource name, \(form)") }
    guard parts.count == 10, parts[8] == labels[4] else {
      throw Self.fault(
        "the key's name must end with its version, /cryptoKeyVersions/N; without one it means the primary")
    }
    guard parts[9].utf8.count <= 18, let number = Int(parts[9]), number > 0, String(number) == parts[9] else {
      throw Self.fault("the version in the key's name is not a number")
    }
    for index in [1, 3, 5, 7] {
      guard (1...63).contains(parts[index].utf8.count), parts[index].utf8.allSatisfy({ Self.isNameByte($0) }) else {
        throw Self.fault("the part '\(labels[index / 2])' of the key's name is not valid")
      }
    }
    (project, location, version) = (parts[1], parts[3], parts[9])
    cryptoKey = parts[..<8].joined(separator: "/")
  }

  /// Letters, digits, underscores and hyphens; projects of domains also have dots and a colon.
  private static func isNameByte(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
      || "_-.:".utf8.contains(byte)
  }

  private static func fault(_ text: String) -> ModelError { ModelError(.invalidKeyReference, text) }
}
