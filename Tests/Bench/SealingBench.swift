// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import CCrypto
import Sealing
import Secrets

/// PageCipher against the bare AES-256-GCM of libcrypto.
struct SealingBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sealing", abstract: "PageCipher against AES-256-GCM of libcrypto with one context.")

  @Option(help: "Interleaved pairs.") var pairs = 5
  @Option(help: "MiB per side of a pair.") var mebibytes = 512
  @Option(help: "Bytes of a page; may be repeated.") var size: [Int] = [8 << 10, 32 << 10]

  func run() throws {
    report("Page sealing: PageCipher (XAES-256-GCM), and AES-256-GCM of libcrypto with one key and one context.")
    report(Pairs.heading("keyfold", "libcrypto"))
    for size in size {
      let turns = 64
      let work = try SealingWork(size: size, rounds: max(1, (mebibytes << 20) / size / turns))
      let megabytes = Double(size * work.rounds * turns) / 1e6
      var seal = Pairs("seal \(size) B", work: megabytes, unit: "MB/s")
      var open = Pairs("open \(size) B", work: megabytes, unit: "MB/s")
      for _ in 0..<pairs {
        try seal.addInTurns(turns) { _ in
          try work.sealPages()
        } peer: { _ in
          try work.sealBare()
        }
        try open.addInTurns(turns) { _ in
          try work.openPages()
        } peer: { _ in
          try work.openBare()
        }
      }
      report(seal.line)
      report(open.line)
    }
  }
}

/// Buffers and keys of one page size.
@safe final class SealingWork {
  struct Failed: Error {}

  let rounds: Int
  private let size: Int
  private let cipher: PageCipher
  private let bare: OpaquePointer
  private let associated = [UInt8](repeating: 7, count: 24)
  private let nonce = [UInt8](repeating: 9, count: KF_GCM_NONCE_BYTES)
  private let plain: UnsafeMutableRawBufferPointer
  private let sealed: UnsafeMutableRawBufferPointer

  init(size: Int, rounds: Int) throws {
    guard let bare = unsafe kf_gcm_new([UInt8](repeating: 5, count: KF_KEY_BYTES)) else { throw Failed() }
    unsafe self.bare = unsafe bare
    self.size = size
    self.rounds = rounds
    cipher = try PageCipher(key: SecretBytes.random(count: KF_KEY_BYTES))
    unsafe plain = .allocate(byteCount: size, alignment: 64)
    unsafe sealed = .allocate(byteCount: size + PageCipher.overhead, alignment: 64)
    unsafe plain.initializeMemory(as: UInt8.self, repeating: 1)
  }

  deinit {
    unsafe EVP_CIPHER_CTX_free(bare)
    unsafe plain.deallocate()
    unsafe sealed.deallocate()
  }

  func sealPages() throws {
    for _ in 0..<rounds {
      try unsafe associated.withUnsafeBytes {
        _ = try unsafe cipher.seal(UnsafeRawBufferPointer(plain), authenticating: $0, into: sealed)
      }
    }
  }

  func openPages() throws {
    try sealOnce()
    for _ in 0..<rounds {
      try unsafe associated.withUnsafeBytes {
        _ = try unsafe cipher.open(UnsafeRawBufferPointer(sealed), authenticating: $0, into: plain)
      }
    }
  }

  func sealBare() throws {
    for _ in 0..<rounds where !bareSeal() { throw Failed() }
  }

  func openBare() throws {
    guard bareSeal() else { throw Failed() }
    let text = unsafe sealed.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let target = unsafe plain.baseAddress?.assumingMemoryBound(to: UInt8.self)
    for _ in 0..<rounds {
      let result = unsafe kf_gcm_open(
        bare, nonce, associated, associated.count, text, size, text?.advanced(by: size), target)
      guard result == KF_DONE else { throw Failed() }
    }
  }

  private func sealOnce() throws {
    try unsafe associated.withUnsafeBytes {
      _ = try unsafe cipher.seal(UnsafeRawBufferPointer(plain), authenticating: $0, into: sealed)
    }
  }

  private func bareSeal() -> Bool {
    let target = unsafe sealed.baseAddress?.assumingMemoryBound(to: UInt8.self)
    return unsafe kf_gcm_seal(
      bare, nonce, associated, associated.count, plain.baseAddress, size, target, target?.advanced(by: size)) == KF_DONE
  }
}
