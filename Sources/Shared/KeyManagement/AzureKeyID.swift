// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel

/// The full id of one version of an Azure Key Vault key: `https://VAULT.vault.azure.net/keys/NAME/VERSION`.
///
/// Ids without a version are refused: they mean whatever version is newest, and an old blob then looks lost.
public struct AzureKeyID: Sendable, Hashable, CustomStringConvertible {
  /// The longest id accepted, in bytes.
  public static let maximumLength = 512

  /// Azure's clouds: the domain of vaults, and who issues tokens for them.
  static let clouds: [(domain: String, authority: String)] = [
    ("vault.azure.net", "login.microsoftonline.com"), ("managedhsm.azure.net", "login.microsoftonline.com"),
    ("vault.azure.cn", "login.partner.microsoftonline.cn"), ("managedhsm.azure.cn", "login.partner.microsoftonline.cn"),
    ("vault.usgovcloudapi.net", "login.microsoftonline.us"),
    ("managedhsm.usgovcloudapi.net", "login.microsoftonline.us"),
  ]

  /// The vault's host, with its port if the id has one.
  public let host: String
  /// The key's name.
  public let name: String
  /// The version: 32 hexadecimal digits.
  public let version: String

  /// The id as Azure writes it.
  public var description: String { "https://\(host)/keys/\(name)/\(version)" }

  /// The path of the key below the vault's root.
  var path: String { "keys/\(name)/\(version)" }

  /// The cloud the vault is in; nil for a host that is none of Azure's.
  private var cloud: (domain: String, authority: String)? { Self.clouds.first { host.hasSuffix("." + $0.domain) } }

  /// Whether the host is one of Azure's own.
  var isOfAzure: Bool { cloud != nil }

  /// What tokens for the vault are for; the public cloud's for a vault somewhere else.
  var audience: String { "https://" + (cloud ?? Self.clouds[0]).domain }

  /// The host of whoever issues tokens for the vault.
  var authority: String { (cloud ?? Self.clouds[0]).authority }

  /// Parses an id; throws `ModelError` saying which part is wrong.
  public init(_ text: String) throws(ModelError) {
    guard text.utf8.count <= Self.maximumLength, text.hasPrefix("https://") else {
      throw Self.fault("the key must be named by its URL, https://VAULT.vault.azure.net/keys/NAME/VERSION")
    }
    let parts = text.dropFirst("https://".count).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count >= 3, parts[1] == "keys" else {
      throw Self.fault("the key must be named by its URL, https://VAULT.vault.azure.net/keys/NAME/VERSION")
    }
    guard parts.count == 4, !parts[3].isEmpty else {
      throw Self.fault("the key's URL must end with its version; without one it means whatever version is newest")
    }
    guard let endpoint = try? HTTPEndpoint("https://" + String(parts[0])) else {
      throw Self.fault("the vault's host in the key's URL is not valid")
    }
    guard (1...127).contains(parts[2].utf8.count), parts[2].utf8.allSatisfy(Self.isNameByte) else {
      throw Self.fault("the key's name in its URL is not valid: letters, digits and hyphens, at most 127")
    }
    guard parts[3].utf8.count == 32, parts[3].allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
      throw Self.fault("the key's version in its URL is not 32 hexadecimal digits")
    }
    (host, name, version) = (endpoint.authority, String(parts[2]), String(parts[3]))
  }

  /// Whether `other` names this key: names compare without case in Azure.
  public func isSameKey(as other: AzureKeyID) -> Bool {
    host == other.host && version.lowercased() == other.version.lowercased()
      && name.lowercased() == other.name.lowercased()
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
      || byte == UInt8(ascii: "-")
  }

  private static func fault(_ text: String) -> ModelError { ModelError(.invalidKeyReference, text) }
}
