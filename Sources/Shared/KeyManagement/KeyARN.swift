// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel

/// The full ARN of one AWS KMS key: `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`.
///
/// Aliases are refused: an alias can be pointed at another key at any time, and a blob wrapped by the first would then
/// look lost while its key is alive.
public struct KeyARN: Sendable, Hashable, CustomStringConvertible {
  /// The longest ARN accepted, in bytes (AWS's own limit for a KeyId).
  public static let maximumLength = 2048

  /// `aws`, `aws-cn`, `aws-us-gov`…
  public let partition: String
  /// The region of the key.
  public let region: String
  /// The twelve digits of the account.
  public let account: String
  /// The id inside the account: a UUID, or `mrk-` and 32 hexadecimal digits for a multi-Region key.
  public let id: String

  /// Whether the key is a multi-Region key, whose replicas share its id and its key material.
  public var isMultiRegion: Bool { id.hasPrefix("mrk-") }

  /// The ARN as AWS writes it.
  public var description: String { "arn:\(partition):kms:\(region):\(account):key/\(id)" }

  /// Parses a key ARN; throws `ModelError` saying which part is wrong.
  public init(_ text: String) throws(ModelError) {
    guard text.utf8.count <= Self.maximumLength else {
      throw Self.fault("the key ARN is longer than \(Self.maximumLength) bytes")
    }
    if text.hasPrefix("alias/") || text.contains(":alias/") {
      throw Self.fault(
        "the key is named by an alias, which can be moved to another key at any time; give the ARN of the key itself")
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 6, parts[0] == "arn", parts[2] == "kms", parts[5].hasPrefix("key/") else {
      throw Self.fault("the key must be named by its full ARN, arn:aws:kms:REGION:ACCOUNT:key/ID")
    }
    let id = parts[5].dropFirst("key/".count)
    guard Self.isWord(parts[1]), parts[1].hasPrefix("aws") else { throw Self.fault("the key ARN's partition is wrong") }
    guard Self.isWord(parts[3]) else { throw Self.fault("the key ARN's region is wrong") }
    guard parts[4].utf8.count == 12, parts[4].utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw Self.fault("the key ARN's account is not twelve digits")
    }
    guard Self.isWord(id) else { throw Self.fault("the key ARN's key id is wrong") }
    (partition, region, account) = (String(parts[1]), String(parts[3]), String(parts[4]))
    self.id = String(id)
  }

  /// Whether `other` is this key, or the same multi-Region key in another region.
  public func isSameKey(as other: KeyARN) -> Bool {
    self == other
      || (isMultiRegion && id == other.id && account == other.account && partition == other.partition)
  }

  /// The key as `region` knows it: itself, or the replica of a multi-Region key; nil if it is in no other region.
  public func inRegion(_ region: String) -> KeyARN? {
    if region == self.region { return self }
    guard isMultiRegion else { return nil }
    return try? KeyARN("arn:\(partition):kms:\(region):\(account):key/\(id)")
  }

  /// Letters, digits and hyphens, at least one and at most 64.
  private static func isWord(_ text: Substring) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }

  private static func fault(_ text: String) -> ModelError { ModelError(.invalidKeyReference, text) }
}
