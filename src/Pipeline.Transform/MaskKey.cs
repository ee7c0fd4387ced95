using System.Security.Cryptography;
using System.Text;
using Pipeline.Core;

namespace Pipeline.Transform;

/// <summary>
/// The key of masks: hashed columns are its HMAC-SHA-256, and rows of the quarantine of tables that mask are encrypted with another; each
/// is derived from it for one use. Its text form shows nothing.
/// </summary>
public sealed class MaskKey
{
    /// <summary>The relation of one row that an engine makes of it for the statements of a run.</summary>
    internal const string Relation = "mask_key";

    /// <summary>Its column of <see cref="Inner"/>.</summary>
    internal const string InnerColumn = "_mask_inner";

    /// <summary>Its column of <see cref="Outer"/>.</summary>
    internal const string OuterColumn = "_mask_outer";

    /// <summary>What a sealed row begins with; the version and the bytes in base64 follow.</summary>
    private const string Prefix = "sealed:";

    private const int BlockBytes = 64;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private readonly byte[] _hashing;
    private readonly byte[] _rows;
    private readonly byte[] _nonces;

    private MaskKey(byte[] secret)
    {
        _hashing = Derived(secret, "hash");
        _rows = Derived(secret, "quarantine");
        _nonces = Derived(secret, "nonce");
        Version = Convert.ToHexStringLower(Derived(secret, "version"))[..8];
        Inner = Padded(_hashing, 0x36);
        Outer = Padded(_hashing, 0x5c);
    }

    /// <summary>Eight hexadecimal digits that tell it from others and say nothing of it.</summary>
    public string Version { get; }

    /// <summary>The first block of the inner hash of HMAC, in hexadecimal digits.</summary>
    internal string Inner { get; }

    /// <summary>The first block of the outer hash.</summary>
    internal string Outer { get; }

    /// <param name="text">What the secret holds: at least 32 characters, the same for ever.</param>
    /// <exception cref="PipelineException">It is too short.</exception>
    public static MaskKey Of(string text) => text.Trim() is { Length: >= 32 } secret ? new MaskKey(Encoding.UTF8.GetBytes(secret))
        : throw new PipelineException(FaultKind.Invalid, "transform.mask-key", "what it leads to has fewer than 32 characters", "Make one: openssl rand -hex 32 > mask.key; chmod 600 mask.key");

    /// <summary>What stands for a text in a column that is hashed.</summary>
    public string Hash(string text) => Convert.ToHexStringLower(HMACSHA256.HashData(_hashing, Encoding.UTF8.GetBytes(text)));

    /// <summary>A row that others cannot read; one that is sealed stays as it is. The same row is sealed the same way, so that a run that is repeated ends as the first.</summary>
    public string Seal(string row)
    {
        if (row.StartsWith(Prefix, StringComparison.Ordinal)) return row;
        var plain = Encoding.UTF8.GetBytes(row);
        var bytes = new byte[NonceBytes + plain.Length + TagBytes];
        HMACSHA256.HashData(_nonces, plain).AsSpan(0, NonceBytes).CopyTo(bytes);
        using var cipher = new AesGcm(_rows, TagBytes);
        cipher.Encrypt(bytes.AsSpan(0, NonceBytes), plain, bytes.AsSpan(NonceBytes, plain.Length), bytes.AsSpan(NonceBytes + plain.Length), Encoding.UTF8.GetBytes(Version));
        return $"{Prefix}{Version}:{Convert.ToBase64String(bytes)}";
    }

    /// <summary>The row; one of an earlier release, which is not sealed, is itself.</summary>
    /// <exception cref="PipelineException">It was sealed by another key, or changed since.</exception>
    public string Open(string row)
    {
        if (!row.StartsWith(Prefix, StringComparison.Ordinal)) return row;
        var version = row.AsSpan(Prefix.Length, Math.Max(0, row.IndexOf(':', Prefix.Length) - Prefix.Length));
        if (!version.SequenceEqual(Version)) throw new PipelineException(FaultKind.Invalid, "A row of a quarantine", $"it was sealed by another key, of version {version}, and transform.mask-key is of version {Version}", "Give the key back, or rebuild the table.");
        try
        {
            var bytes = Convert.FromBase64String(row[(Prefix.Length + version.Length + 1)..]);
            var plain = new byte[bytes.Length - NonceBytes - TagBytes];
            using var cipher = new AesGcm(_rows, TagBytes);
            cipher.Decrypt(bytes.AsSpan(0, NonceBytes), bytes.AsSpan(NonceBytes, plain.Length), bytes.AsSpan(NonceBytes + plain.Length), plain, Encoding.UTF8.GetBytes(Version));
            return Encoding.UTF8.GetString(plain);
        }
        catch (Exception e) when (e is FormatException or CryptographicException or OverflowException)
        {
            throw new PipelineException(FaultKind.Damaged, "A row of a quarantine", "it was changed since it was sealed", "Restore the table from a backup, or rebuild it.");
        }
    }

    public override string ToString() => $"key {Version}";

    private static byte[] Derived(byte[] secret, string use) => HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes($"pipeline mask {use}"));

    private static string Padded(byte[] key, byte with)
    {
        var block = new byte[BlockBytes];
        key.CopyTo(block, 0);
        for (var i = 0; i < block.Length; i++) block[i] ^= with;
        return Convert.ToHexStringLower(block);
    }
}
