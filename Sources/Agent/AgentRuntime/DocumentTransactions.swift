// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import DocumentServer
internal import Replication

/// The document server's reads, on a member's view.
class DocumentReads: ReadTransaction {
  private let view: ReadView

  init(_ view: ReadView) { self.view = view }

  func collection(_ namespace: Namespace) throws -> CollectionHandle? {
    try view.collection(database: namespace.database, name: namespace.collection)
      .map { CollectionHandle(uuid: $0.text, namespace: namespace) }
  }

  func document(_ collection: CollectionHandle, key: [UInt8]) throws -> [UInt8]? {
    try view.document(try id(of: collection), key: key)
  }

  func scan(
    _ collection: CollectionHandle, after: [UInt8]?, _ body: (_ key: [UInt8], _ document: [UInt8]) throws -> Bool
  ) throws { try view.scan(try id(of: collection), after: after, body) }

  func forEachKey(_ collection: CollectionHandle, _ body: () throws -> Bool) throws {
    try view.forEachKey(try id(of: collection), body)
  }

  func databases() throws -> [DatabaseSummary] {
    var sizes: [(name: String, bytes: UInt64)] = []
    for row in try view.collections() {
      if sizes.last?.name != row.database { sizes.append((row.database, 0)) }
      sizes[sizes.count - 1].bytes += view.fileBytes(of: row.id)
    }
    return sizes.map { DatabaseSummary(name: $0.name, sizeOnDisk: Int64(clamping: $0.bytes), isEmpty: false) }
  }

  func collections(in database: String) throws -> [CollectionHandle] {
    // The node's own collections are not shown: a driver could do nothing with them.
    try view.collections(in: database).filter { !$0.name.hasPrefix("system.") }.map { row in
      CollectionHandle(uuid: row.id.text, namespace: try Namespace(database: row.database, collection: row.name))
    }
  }

  func id(of collection: CollectionHandle) throws -> CollectionID { try CollectionID(collection.uuid) }
}

/// The document server's writes, on the primary's open batch.
final class DocumentWrites: DocumentReads, WriteTransaction {
  private let view: WriteView

  init(_ view: WriteView) {
    self.view = view
    super.init(view)
  }

  var isSpent: Bool { view.isSpent }

  func createCollection(_ namespace: Namespace) throws -> CollectionHandle {
    let id = try view.createCollection(try DatabaseName(namespace.database), name: namespace.collection)
    return CollectionHandle(uuid: id.text, namespace: namespace)
  }

  func dropCollection(_ collection: CollectionHandle) throws { try view.dropCollection(try id(of: collection)) }

  func dropDatabase(_ database: String) throws { try view.dropDatabase(try DatabaseName(database)) }

  func put(_ collection: CollectionHandle, key: [UInt8], document: [UInt8]) throws {
    try view.put(try id(of: collection), key: key, document: document)
  }

  func remove(_ collection: CollectionHandle, key: [UInt8]) throws { try view.remove(try id(of: collection), key: key) }
}
