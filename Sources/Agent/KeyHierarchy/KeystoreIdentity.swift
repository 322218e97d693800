// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import Sealing

/// Whose keystore it is.
public struct KeystoreIdentity: Sendable, Hashable, CustomStringConvertible {
  /// The node's cluster.
  public let cluster: ClusterName
  /// The node.
  public let node: NodeName
  /// The directory of data the keys encrypt.
  public let generation: GenerationID

  /// Makes an identity of its parts.
  public init(cluster: ClusterName, node: NodeName, generation: GenerationID) {
    self.cluster = cluster
    self.node = node
    self.generation = generation
  }

  /// Cluster, node and generation, for error texts.
  public var description: String { "generation \(generation) of node \(node) in cluster \(cluster)" }

  /// What its wrapped keys are bound to.
  var binding: KeyBinding { KeyBinding(cluster: cluster, node: node) }
}

/// What a wrapped key is bound to beside its own header: cluster, node and scope, each behind its length.
struct KeyBinding: Sendable {
  private let owner: [UInt8]

  init(cluster: ClusterName, node: NodeName) {
    var writer = ByteWriter()
    for part in ["keyfold database key", cluster.text, node.text] {
      writer.write(Array(part.utf8), behind: UInt32.self)
    }
    owner = writer.bytes
  }

  func bytes(of scope: KeyScope) -> [UInt8] {
    let prefix = scope.keyIDPrefix
    var writer = ByteWriter(reserving: owner.count + 4 + prefix.utf8.count)
    writer.write(owner)
    writer.write(Array(prefix.utf8), behind: UInt32.self)
    return writer.bytes
  }
}

/// One key of a keystore, without the key.
public struct KeyDescriptor: Sendable, Hashable {
  /// The key's id.
  public let id: KeyID
  /// What it encrypts.
  public var scope: KeyScope { id.scope }
  /// When it was made, milliseconds since 1970.
  public let createdAtMilliseconds: Int64
}
