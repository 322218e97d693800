// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import KeyManagement
import LocalKMS
import Secrets
import Testing

@testable import KeyHierarchy

/// What a customer can do who holds the KMS and a node's disk: unwrap everything.
struct Customer {
  let factory = KeyManagementFactory()
  let service: any KeyManagementService

  init(_ cluster: TestCluster, key: String) throws {
    let folder = cluster.root + "/kms"
    let credentials = try LocalKMSCredentials(file: folder + "/" + LocalKMSServer.credentialsFile)
    let authority = try String(contentsOfFile: folder + "/" + LocalKMSServer.authorityFile, encoding: .utf8)
    service = try factory.makeService(
      settings: KMSSettings(
        provider: .aws, keyID: key, region: String(key.split(separator: ":")[3]),
        endpoint: try LocalKMSReady(directory: folder).endpoint, certificateAuthorityPEM: authority,
        accessKeyID: credentials.accessKeyID),
      secret: credentials.secretKey)
  }

  func close() async { await factory.shutdown() }

  /// The node's master key and every key below it.
  func keys(of node: Daemon) async throws -> [Needle] {
    let files = try NodeFiles(node)
    // Opening a keystore tidies up beside its file: a copy is opened.
    let copy = node.data + ".keystore"
    try FileManager.default.copyItem(atPath: files.path("keystore"), toPath: copy)
    defer { try? FileManager.default.removeItem(atPath: copy) }
    let sealed = try SealedKeystore.read(from: copy)
    let context = KeyContext(
      project: ProjectName(checked: TestCluster.project), cluster: sealed.identity.cluster, node: sealed.identity.node,
      purpose: .masterKey)
    let payload = try await service.unwrap(sealed.wrappedMasterKey, context: context, deadline: .seconds(20))
    let master = try MasterKey(unwrapped: payload, context: context)
    let keystore = try sealed.open(with: master, expecting: sealed.identity)
    defer { keystore.wipe() }
    var keys = [Needle(master.key.unprotectedCopy(), named: "master key of \(node.name)")]
    for key in keystore.keys {
      let bytes = keystore.withKey(key.id) { $0.unprotectedCopy() }
      keys.append(Needle(try #require(bytes), named: "\(key.scope) key of \(node.name)"))
    }
    return keys
  }
}
