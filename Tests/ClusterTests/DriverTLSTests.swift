// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

/// Certificates of an operator's own authority, made by the openssl command.
private struct OperatorAuthority {
  let folder: String

  init(in folder: String) throws {
    self.folder = folder
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try openssl(
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem"
    )
    try "subjectAltName=DNS:localhost".write(toFile: path("san"), atomically: true, encoding: .utf8)
  }

  func path(_ name: String) -> String { "\(folder)/\(name)" }

  /// Issues a certificate for `localhost`, over the one before.
  func issue(_ name: String) throws {
    try openssl(
      "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=\(name) -keyout new.key -out new.csr")
    try openssl(
      "x509 -req -days 2 -in new.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -out new.pem")
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("new.key"))
    for kind in ["key", "pem"] {
      guard unsafe rename(path("new.\(kind)"), path("\(name).\(kind)")) == 0 else { throw TestFailure("no \(name)") }
    }
  }

  func certificate(_ name: String) throws -> String {
    try String(contentsOfFile: path("\(name).pem"), encoding: .utf8).trimmingCharacters(in: .newlines)
  }

  private func openssl(_ arguments: String) throws {
    let words = ["-C", folder, "openssl"] + arguments.split(separator: " ").map(String.init)
    let child = try ChildProcess(
      "/usr/bin/env", words, environment: Executables.environment, output: path("openssl.txt"))
    guard child.wait(within: .seconds(30)) == 0 else { throw TestFailure("openssl \(arguments) failed") }
  }
}

@Suite("Drivers of a real cluster speak TLS", .serialized, .timeLimit(.minutes(15)))
struct DriverTLSTests {
  @Test("with the operator's certificates and with nothing else; a new one is served after SIGHUP, a broken one never")
  func certificates() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      guard let driver = try PythonDriver(for: cluster) else { try Test.cancel("pymongo cannot be installed here") }
      let authority = try OperatorAuthority(in: cluster.root + "/tls")
      let stranger = try OperatorAuthority(in: cluster.root + "/stranger")
      for node in cluster.nodes {
        try authority.issue(node.name)
        try cluster.configure(node) { settings in
          var drivers = settings["drivers"] as? [String: Any] ?? [:]
          drivers["advertise"] = "localhost"
          drivers["tls"] = [
            "mode": "required", "certificateFile": authority.path("\(node.name).pem"),
            "keyFile": authority.path("\(node.name).key"),
          ]
          settings["drivers"] = drivers
        }
        #expect(node.stop() == 0)
        try await node.start()
      }
      let uri = try await cluster.uri()
      let trust = "tlsCAFile=\(authority.path("ca.pem"))"
      // Nodes that were just started again have no primary at once, and on a busy machine not for good.
      func serves() async throws {
        _ = try await eventually("drivers that speak TLS are served") {
          try driver.run("codes", uri, "shop", "tls=true", trust) == "0 0 0 0 73" ? true : nil
        }
      }
      let short = "serverSelectionTimeoutMS=2000"
      let refused = Array(repeating: "no connection", count: 5).joined(separator: " ")
      try await serves()
      #expect(try driver.run("codes", uri, "shop", short) == refused)
      let other = "tlsCAFile=\(stranger.path("ca.pem"))"
      #expect(try driver.run("codes", uri, "shop", "tls=true", other, short) == refused)
      #expect(try cluster.operate("node", "show", "node-1").contains("required"))
      try await reload(cluster, driver, authority)
      try await serves()
    }
  }

  private func reload(_ cluster: TestCluster, _ driver: PythonDriver, _ authority: OperatorAuthority) async throws {
    for node in cluster.nodes {
      let port = "\(try await cluster.driverPort(of: node))"
      let before = try authority.certificate(node.name)
      #expect(try driver.run("certificate", port, authority.path("ca.pem")) == before)
      try authority.issue(node.name)
      let after = try authority.certificate(node.name)
      #expect(after != before)
      #expect(try driver.run("certificate", port, authority.path("ca.pem")) == before, "it was not asked to read it")
      node.send(SIGHUP)
      _ = try await eventually("\(node.name) serves its new certificate") { () -> Bool? in
        try driver.run("certificate", port, authority.path("ca.pem")) == after ? true : nil
      }
      try Data("no certificate".utf8).write(to: URL(fileURLWithPath: authority.path("\(node.name).pem")))
      node.send(SIGHUP)
      _ = try await eventually("\(node.name) refuses what is no certificate") {
        node.logText.contains("the certificate files were not taken over") ? true : nil
      }
      #expect(try driver.run("certificate", port, authority.path("ca.pem")) == after)
    }
  }
}
