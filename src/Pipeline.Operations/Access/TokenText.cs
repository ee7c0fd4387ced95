using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Pipeline.Operations.Access;

/// <summary>A token as whoever has it shows it: <c>pipeline_ID_SECRET</c>, of which the secret is 256 random bits.</summary>
internal static class TokenText
{
    private const string Prefix = "pipeline_";
    private const int IdBytes = 6;
    private const int SecretBytes = 32;
    private const int LengthMax = 128;

    public static (string Text, string Id, string Sha256) Create()
    {
        var (id, secret) = (Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes)), Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes)));
        return ($"{Prefix}{id}_{secret}", id, HashOf(secret));
    }

    /// <summary>Null: it is none of ours.</summary>
    public static (string Id, string Sha256)? TryParse(string text)
    {
        if (text.Length > LengthMax || !text.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        var rest = text[Prefix.Length..];
        return rest.Length > 2 * IdBytes + 1 && rest[2 * IdBytes] == '_' ? (rest[..(2 * IdBytes)], HashOf(rest[(2 * IdBytes + 1)..])) : null;
    }

    /// <summary>In a time that does not depend on where they differ.</summary>
    public static bool AreSame(string sha256, string other) => CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(sha256), Encoding.ASCII.GetBytes(other));

    // What is hashed has 256 random bits: nobody finds it by trying words, so that a slow hash would only be slow.
    private static string HashOf(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
}
