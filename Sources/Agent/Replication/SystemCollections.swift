// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import ReplicationCore
internal import Synchronization

/// Notices writes to collections named `system.…`, which a node keeps in memory (its users).
struct SystemCollections {
  /// The prefix of their names; drivers can't use it.
  static let prefix = "system."

  private var known: Set<CollectionID>?
  /// Whether something was written that nobody was told of yet.
  private(set) var isTouched = false

  /// Notes an operation before it is performed; `list` reads the catalog, once.
  mutating func note(
    _ operation: OplogOperation, list: () throws(MemberError) -> [(database: String, name: String, id: CollectionID)]
  ) throws(MemberError) {
    if known == nil {
      var found: Set<CollectionID> = []
      for collection in try list() where collection.name.hasPrefix(Self.prefix) { found.insert(collection.id) }
      known = found
    }
    switch operation {
    case .createCollection(_, let name, let id):
      guard name.hasPrefix(Self.prefix) else { return }
      known?.insert(id)
      isTouched = true
    case .dropDatabase: if known?.isEmpty == false { isTouched = true }
    case .dropCollection(let id), .put(let id, _, _), .remove(let id, _):
      if known?.contains(id) == true { isTouched = true }
    }
  }

  /// Takes note that everybody was told.
  mutating func markTold() { isTouched = false }
}

extension ReplicaMember {
  /// A number that grows whenever collections named `system.…` may have changed; a read that begins after it was asked
  /// sees at least that state.
  public nonisolated var systemVersion: UInt64 { systemChanges.load(ordering: .acquiring) }

  /// Tells of what was committed. What stands in an open batch is told again once that is committed.
  func tellSystemChanges() {
    guard tables.system.isTouched else { return }
    systemChanges.wrappingAdd(1, ordering: .releasing)
    if batch == nil { tables.system.markTold() }
  }
}
