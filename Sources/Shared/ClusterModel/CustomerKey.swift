// SPDX-License-Identifier: GPL-3.0-or-later

/// What can be told of a customer's key from its id alone.
public enum CustomerKey {
  /// Whether two ids name one key: they are the same, or name replicas of one multi-Region key of AWS, whose ids are
  /// alike but for the region (AWS KMS developer guide, "Multi-Region keys": all replicas have one key id, `mrk-…`).
  public static func isSame(_ one: String, _ other: String) -> Bool {
    if one == other { return true }
    guard let first = multiRegion(one), let second = multiRegion(other) else { return false }
    return first == second
  }

  /// A multi-Region key's ARN without its region, nil if it is none: `arn:PARTITION:kms:REGION:ACCOUNT:key/mrk-…`.
  private static func multiRegion(_ id: String) -> [Substring]? {
    var parts = id.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
    guard parts.count == 6, parts[0] == "arn", parts[2] == "kms", parts[5].hasPrefix("key/mrk-") else { return nil }
    parts.remove(at: 3)
    return parts
  }
}
