// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import DaemonRuntime
import KeyManagement
import Messages
import Testing

@testable import CoordinatorRuntime

@Suite("The coordinator's settings are checked before anything is opened")
struct CoordinatorConfigurationTests {
  private func parse(_ text: String) throws(ConfigurationError) -> CoordinatorConfiguration {
    try ConfigurationFile.parse(CoordinatorConfiguration.self, data: Array(text.utf8), name: "c.json")
  }

  @Test("takes defaults for what the file leaves out")
  func defaults() throws {
    let settings = try parse(#"{"data": "/x"}"#)
    #expect(settings == CoordinatorConfiguration(data: "/x"))
    #expect(try settings.check().port == 7440)
  }

  @Test("reads every key it knows")
  func everyKey() throws {
    let settings = try parse(
      #"{"data":"/x","listen":"127.0.0.1:0","rootKeyFile":"/k","controlPlane":["10.0.0.1"],"#
        + #""kmsTimeoutSeconds":3,"logLevel":"debug"}"#
    )
    #expect(settings.rootKeyFile == "/k" && settings.controlPlane == ["10.0.0.1"])
    #expect(settings.kmsTimeoutSeconds == 3 && settings.logLevel == "debug")
  }

  @Test("refuses an unknown key with the nearest known one")
  func unknownKey() {
    #expect(throws: ConfigurationError(.unknownKey, "c.json: the key 'lissten' is not known; did you mean 'listen'?")) {
      try parse(#"{"lissten": "x"}"#)
    }
  }

  @Test("refuses addresses and times that can't be", arguments: ["7440", ":7440", "127.0.0.1", "127.0.0.1:70000", ""])
  func addresses(_ listen: String) {
    #expect(throws: ConfigurationError.self) { try CoordinatorConfiguration(data: "/x", listen: listen).check() }
    #expect(throws: ConfigurationError.self) { try CoordinatorConfiguration(data: "").check() }
  }
}

@Suite("A keys report is put together from its parts")
struct KeysAssemblyTests {
  private let generation = GenerationID.random()

  private func part(_ number: UInt32, version: UInt64 = 1, keys: Int = 1) -> KeysReport {
    KeysReport(
      generation: generation, keystoreVersion: version, part: number, last: false,
      keys: (0..<keys).map { _ in KeyReport(id: .random(for: .oplog), createdAtMilliseconds: 1) })
  }

  @Test("takes parts in order only, and of one keystore version only")
  func order() {
    #expect(KeysAssembly(part(1)) == nil)
    var assembly = KeysAssembly(part(0))
    #expect(assembly?.add(part(2)) == false)
    #expect(assembly?.add(part(1, version: 2)) == false)
    #expect(assembly?.add(part(1)) == true)
    #expect(assembly?.all.count == 2)
  }

  @Test("takes no more keys than a node may have")
  func limit() {
    var assembly = KeysAssembly(part(0, keys: KeysAssembly.maximumKeys))
    #expect(assembly?.add(part(1, keys: 1)) == false)
    #expect(KeysAssembly(part(0, keys: KeysAssembly.maximumKeys + 1)) == nil)
  }
}

@Suite("A failed proof tells an operator what to do")
struct KeyProverTests {
  @Test("has advice for every kind of failure", arguments: KMSError.Kind.allCases)
  func advice(_ kind: KMSError.Kind) {
    let error = KMSError(kind, operation: .wrap, keyID: "k", detail: "d")
    for provider in KMSProvider.allCases {
      let failure = KeyProver.failure(error, of: provider, project: ProjectName(checked: "p"))
      #expect(!failure.next.isEmpty && failure.what.contains("stay in force"))
    }
  }

  @Test("names the right that is missing in the provider's own words, also the one to describe the key")
  func rights() async {
    let table: [(KMSError.Operation, KMSProvider, String)] = [
      (.wrap, .aws, "kms:Encrypt"), (.wrap, .azure, "keys/wrapKey"), (.wrap, .gcp, "useToEncrypt"),
      (.unwrap, .aws, "kms:Decrypt"), (.unwrap, .azure, "keys/unwrapKey"), (.unwrap, .gcp, "useToDecrypt"),
      (.describe, .aws, "kms:DescribeKey"), (.describe, .azure, "keys/get"), (.describe, .gcp, "cryptoKeyVersions.get"),
    ]
    for (operation, provider, right) in table {
      let kms = FakeKMS()
      kms.fail(.accessDenied, in: operation)
      var settings = FakeKMS.settings
      settings.provider = provider
      let prover = KeyProver(
        makeService: { (_, secret) throws(KMSError) in kms.service(secret: secret) }, deadline: .seconds(300))
      do {
        _ = try await prover.prove(settings, secret: nil, project: ProjectName(checked: "p"))
        Issue.record("proven without \(right)")
      } catch { #expect(error.code == .kmsFailed && error.next.contains(right)) }
    }
  }
}
