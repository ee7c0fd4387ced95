using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Pipeline.Sources.Postgres.Client;

/// <summary>The server's questions after the start-up message (manual 55.2.1): none, clear text, MD5, SCRAM-SHA-256.</summary>
internal static class WireAuthentication
{
    private const int Ok = 0, ClearText = 3, Md5 = 5, Sasl = 10, SaslContinue = 11, SaslFinal = 12;

    /// <summary>Answers until the server is ready for queries.</summary>
    public static void Run(WireConnection connection, string user, string? password)
    {
        ScramClient? scram = null;
        byte type;
        while ((type = connection.Read(out var content)) != (byte)'Z')
        {
            if (type == (byte)'K') connection.ProcessId = BinaryPrimitives.ReadInt32BigEndian(content);
            if (type != (byte)'R') continue;
            var request = BinaryPrimitives.ReadInt32BigEndian(content);
            var data = content[sizeof(int)..];
            switch (request)
            {
                case Ok:
                    break;
                case ClearText:
                    connection.Send((byte)'p', [.. Encoding.UTF8.GetBytes(Required(password)), 0]);
                    break;
                case Md5:
                    var inner = HexMd5([.. Encoding.UTF8.GetBytes(Required(password) + user)]);
                    connection.Send((byte)'p', [.. "md5"u8, .. Encoding.ASCII.GetBytes(HexMd5([.. Encoding.ASCII.GetBytes(inner), .. data])), 0]);
                    break;
                case Sasl:
                    scram = new ScramClient(Required(password));
                    var first = Encoding.UTF8.GetBytes(scram.FirstMessage);
                    var length = new byte[sizeof(int)];
                    BinaryPrimitives.WriteInt32BigEndian(length, first.Length);
                    connection.Send((byte)'p', [.. "SCRAM-SHA-256\0"u8, .. length, .. first]);
                    break;
                case SaslContinue when scram is not null:
                    connection.Send((byte)'p', Encoding.UTF8.GetBytes(scram.Answer(Encoding.UTF8.GetString(data))));
                    break;
                case SaslFinal when scram is not null:
                    scram.Verify(Encoding.UTF8.GetString(data));
                    break;
                default:
                    throw new NpgsqlException($"the server asks for authentication of kind {request}, which is not supported; use SCRAM or a client certificate");
            }
        }
    }

    private static string Required(string? password) => password ?? throw new PostgresException("no password supplied", "FATAL", "FATAL", PostgresErrorCodes.InvalidPassword);

    private static string HexMd5(byte[] bytes)
    {
#pragma warning disable CA5351 // The server's protocol asks for it.
        return Convert.ToHexStringLower(MD5.HashData(bytes));
#pragma warning restore CA5351
    }
}

/// <summary>The client's side of SCRAM-SHA-256 (RFC 7677, RFC 5802) without channel binding.</summary>
internal sealed class ScramClient(string password)
{
    private readonly string _nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(18));
    private byte[] _serverSignature = [];

    private string FirstBare => $"n=*,r={_nonce}";

    /// <summary>The user's name stands in the start-up message; here the server ignores it.</summary>
    public string FirstMessage => "n,," + FirstBare;

    /// <summary>The answer to the server's challenge.</summary>
    public string Answer(string challenge)
    {
        var fields = Fields(challenge);
        if (!fields['r'].StartsWith(_nonce, StringComparison.Ordinal)) throw new NpgsqlException("the server's SCRAM nonce is not an extension of ours");
        var salted = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password.Normalize(NormalizationForm.FormKC)), Convert.FromBase64String(fields['s']), int.Parse(fields['i']),
            HashAlgorithmName.SHA256, outputLength: 32);
        var clientKey = Hmac(salted, "Client Key");
        var withoutProof = $"c=biws,r={fields['r']}";
        var authMessage = $"{FirstBare},{challenge},{withoutProof}";
        var proof = Hmac(SHA256.HashData(clientKey), authMessage);
        for (var i = 0; i < proof.Length; i++) proof[i] ^= clientKey[i];
        _serverSignature = Hmac(Hmac(salted, "Server Key"), authMessage);
        return $"{withoutProof},p={Convert.ToBase64String(proof)}";
    }

    /// <summary>The server must know the password too.</summary>
    public void Verify(string final)
    {
        if (!CryptographicOperations.FixedTimeEquals(Convert.FromBase64String(Fields(final)['v']), _serverSignature))
            throw new NpgsqlException("the server's SCRAM signature is wrong: it does not know the password");
    }

    private static byte[] Hmac(byte[] key, string text) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text));

    private static Dictionary<char, string> Fields(string message) =>
        message.Split(',').Where(field => field.Length > 2).ToDictionary(field => field[0], field => field[2..]);
}
