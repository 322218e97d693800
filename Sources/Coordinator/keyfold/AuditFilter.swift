// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Which entries of the audit record are asked for.
struct AuditFilter {
  /// How many entries are looked through for those that fit.
  static let maximumLooked: UInt64 = 100_000

  var node: String?
  var key: String?

  /// What is said if nothing fits.
  var empty: String {
    node == nil && key == nil
      ? "Nothing is recorded yet." : "None of the last \(Self.maximumLooked) entries is of that kind."
  }

  func fits(_ entry: AuditEntry) -> Bool {
    if let node, entry.by.description != "node \(node)", entry.subject != node { return false }
    if let key, entry.subject != key { return false }
    return true
  }
}

extension AuditReading {
  /// The latest entries that fit, newest first.
  static func latest(_ session: OperatorSession, _ count: Int, _ filter: AuditFilter) async throws -> [AuditLink] {
    guard filter.node != nil || filter.key != nil else {
      return try await page(session, after: nil, limit: count).links.reversed()
    }
    var page = try await page(session, after: nil, limit: AuditPage.maximumLinks)
    let oldest = page.head.sequence - min(page.head.sequence, AuditFilter.maximumLooked)
    var found: [AuditLink] = []
    while let first = page.links.first {
      found += page.links.reversed().filter { filter.fits($0.entry) }
      let end = first.sequence - 1
      guard found.count < count, end > max(oldest, page.base.sequence) else { break }
      let start = end - min(end, UInt64(AuditPage.maximumLinks))
      page = try await Self.page(session, after: start, limit: Int(end - start))
    }
    return Array(found.prefix(count))
  }
}
