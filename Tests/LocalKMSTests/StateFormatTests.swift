// SPDX-License-Identifier: GPL-3.0-or-later

import Foundation
import KeyManagement
import Testing

@testable import LocalKMS

@Suite("What a local KMS remembers")
struct StateFormatTests {
  @Test("the first format is read, and nothing of it is lost")
  func firstFormat() throws {
    let old = """
      {"accessKeys":{"AKIA1":{"createdSeconds":5,"id":"AKIA1","isRoot":true,"sealedSecret":"s"}},
       "keys":{"k":{"createdSeconds":7,"deniedAccessKeys":["AKIA1"],"id":"k","isEnabled":false,"sealedMaterial":"m",
       "summary":"x"}},"version":1}
      """
    let state = try JSONDecoder().decode(LocalKMSState.self, from: Data(old.utf8))
    #expect(state.version == LocalKMSState.currentVersion)
    #expect(state.accessKeys["AKIA1"]?.isRoot == true)
    #expect(state.keys["k"]?.isEnabled == false)
    #expect(state.keys["k"]?.rotation == 0)
    #expect(state.keys["k"]?.isPrimary == true)
    #expect(state.vaultKeys.isEmpty && state.cryptoKeys.isEmpty && state.identities.isEmpty && state.roles.isEmpty)
    let again = try JSONDecoder().decode(LocalKMSState.self, from: JSONEncoder().encode(state))
    #expect(again == state)
  }

  @Test("a newer format stays one, so that it is refused")
  func newerFormat() throws {
    let newer = #"{"accessKeys":{},"keys":{},"version":9}"#
    #expect(try JSONDecoder().decode(LocalKMSState.self, from: Data(newer.utf8)).version == 9)
  }

  @Test("checksums are Castagnoli's", arguments: [("", 0), ("123456789", 0xE306_9283)])
  func checksums(text: String, expected: UInt32) {
    #expect(CRC32C.of(Array(text.utf8)) == expected)
  }

  @Test(
    "patterns of policies",
    arguments: [
      ("*", "", true), ("kms:*", "kms:decrypt", true), ("kms:?ecrypt", "kms:decrypt", true), ("a*b*c", "axxbyyc", true),
      ("a*b", "axxbyyc", false), ("", "x", false), ("kms:Decrypt", "kms:Encrypt", false), ("**a", "bba", true),
    ])
  func patterns(pattern: String, text: String, fits: Bool) {
    #expect(SessionPolicy.matches(pattern, text) == fits)
  }

  @Test("a session policy allows what a statement allows and none denies")
  func policy() throws {
    let policy = try SessionPolicy(
      """
      {"Version":"2012-10-17","Statement":[
       {"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt"],"Resource":"arn:k",
        "Condition":{"StringEquals":{"kms:EncryptionContext:node":["n1"]}}},
       {"Effect":"Deny","Action":"kms:*","Resource":"*",
        "Condition":{"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"forbidden"}}}]}
      """)
    #expect(policy.allows("kms:Decrypt", resource: "arn:k", context: ["node": "n1"]))
    #expect(!policy.allows("kms:Decrypt", resource: "arn:k", context: ["node": "n2"]))
    #expect(!policy.allows("kms:Decrypt", resource: "arn:k", context: [:]))
    #expect(!policy.allows("kms:Decrypt", resource: "arn:other", context: ["node": "n1"]))
    #expect(!policy.allows("kms:DescribeKey", resource: "arn:k", context: ["node": "n1"]))
    #expect(!policy.allows("kms:Decrypt", resource: "arn:k", context: ["node": "n1", "forbidden": ""]))
  }

  @Test(
    "a policy that is not understood is refused",
    arguments: [
      "", "[]", "{}", #"{"Statement":{"Effect":"Allow","Action":"*","NotResource":"*"}}"#,
      #"{"Statement":{"Effect":"Allow","Action":"*"}}"#,
      #"{"Statement":{"Effect":"Maybe","Action":"*","Resource":"*"}}"#,
      #"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"1"}}}}"#,
      #"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:x":"1"}}}}"#,
    ])
  func unknownPolicies(text: String) {
    let fault = #expect(throws: KMSFault.self) { try SessionPolicy(text) }
    #expect(fault?.type == "MalformedPolicyDocument")
  }
}
