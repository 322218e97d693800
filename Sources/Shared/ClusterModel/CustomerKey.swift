// SPDX-License-Identifier: GPL-3.0-or-later

/// What can be told of a customer's key from its id alone.
public enum CustomerKey {
  /// Whether two ids name one key: they are the same, or name replicas of one multi-Region key of AWS, whose ids are
  /// alike but for the region (AWS KMS developer guide, "Multi-Region keys": all replicas have one key id, `mrk-…`).
  public static func isSame(_ one: String, _ other: String) -> Bool {
    if one == other { return true }
    // Replicas end alike; most ids that differ are told apart by their last byte.
    guard one.utf8.last == other.utf8.last, let first = multiRegion(one), let second = multiRegion(other) else {
      return false
    }
    return first == second
  }

  /// What is alike in the ids of all replicas of one key, and in no others: an id but for the region of a multi-Region
  /// key.
  public static func identity(of id: String) -> String { multiRegion(id)?.joined(separator: ":") ?? id }

  /// The provider whose ids have this form (AWS: ARN; Azure: URL; Google: resource name), nil if none has.
  public static func provider(of id: String) -> KMSProvider? {
    if id.hasPrefix("arn:") { return .aws }
    if id.hasPrefix("https://") { return .azure }
    return id.hasPrefix("projects/") ? .gcp : nil
  }

  /// The version that an id names: the last part of an Azure key's URL or of a Google key version's name; nil for AWS,
  /// whose ids stay the same when KMS rotates the material behind them.
  public static func version(of id: String) -> String? {
    guard let provider = provider(of: id), provider != .aws else { return nil }
    return id.split(separator: "/").last.map(String.init)
  }

  /// Whether an id names a multi-Region key of AWS, which replicas in other regions can stand in for.
  public static func isMultiRegion(_ id: String) -> Bool { multiRegion(id) != nil }

  /// A multi-Region key's ARN without its region, nil if it is none: `arn:PARTITION:kms:REGION:ACCOUNT:key/mrk-…`.
  private static func multiRegion(_ id: String) -> [Substring]? {
    var parts = id.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
    guard parts.count == 6, parts[0] == "arn", parts[2] == "kms", parts[5].hasPrefix("key/mrk-") else { return nil }
    parts.remove(at: 3)
    return parts
  }
}
