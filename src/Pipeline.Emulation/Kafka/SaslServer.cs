using System.Security.Cryptography;
using System.Text;

namespace Pipeline.Emulation.Kafka;

/// <summary>The server's side of one SASL exchange.</summary>
internal abstract class SaslServer
{
    public bool IsDone { get; protected set; }

    /// <summary>The answer to a client's message; null: refused.</summary>
    public abstract byte[]? Answer(byte[] message);

    public static SaslServer Create(string mechanism, string username, string password) => mechanism switch
    {
        "PLAIN" => new Plain(username, password),
        "SCRAM-SHA-256" => new Scram(HashAlgorithmName.SHA256, username, password),
        "SCRAM-SHA-512" => new Scram(HashAlgorithmName.SHA512, username, password),
        _ => throw new ArgumentException($"There is no server for {mechanism}.", nameof(mechanism)),
    };

    /// <summary>RFC 4616.</summary>
    private sealed class Plain(string username, string password) : SaslServer
    {
        public override byte[]? Answer(byte[] message)
        {
            IsDone = Encoding.UTF8.GetString(message).Split('\0') is [_, var user, var given] && user == username && given == password;
            return IsDone ? [] : null;
        }
    }

    /// <summary>RFC 5802 and 7677, without channel binding.</summary>
    private sealed class Scram(HashAlgorithmName hash, string username, string password) : SaslServer
    {
        private const int Iterations = 4096;
        private readonly byte[] _salt = RandomNumberGenerator.GetBytes(16);
        private string? _clientFirst;
        private string? _serverFirst;

        public override byte[]? Answer(byte[] message)
        {
            var text = Encoding.UTF8.GetString(message);
            return _clientFirst is null ? First(text) : Final(text);
        }

        private byte[]? First(string message)
        {
            // "n,," and the client's first message proper: n=USER,r=NONCE
            _clientFirst = message[3..];
            var fields = Fields(_clientFirst);
            if (fields["n"] != username) return null;
            _serverFirst = $"r={fields["r"]}{Convert.ToBase64String(RandomNumberGenerator.GetBytes(18))},s={Convert.ToBase64String(_salt)},i={Iterations}";
            return Encoding.UTF8.GetBytes(_serverFirst);
        }

        private byte[]? Final(string message)
        {
            var salted = Rfc2898DeriveBytes.Pbkdf2(password, _salt, Iterations, hash, hash == HashAlgorithmName.SHA512 ? 64 : 32);
            var clientKey = Mac(salted, "Client Key");
            var exchange = $"{_clientFirst},{_serverFirst},{message[..message.IndexOf(",p=", StringComparison.Ordinal)]}";
            var signature = Mac(CryptographicOperations.HashData(hash, clientKey), exchange);
            var proof = Convert.FromBase64String(Fields(message)["p"]);
            for (var i = 0; i < signature.Length; i++) signature[i] ^= clientKey[i];
            IsDone = CryptographicOperations.FixedTimeEquals(proof, signature);
            return IsDone ? Encoding.UTF8.GetBytes($"v={Convert.ToBase64String(Mac(Mac(salted, "Server Key"), exchange))}") : null;
        }

        private byte[] Mac(byte[] key, string text) => CryptographicOperations.HmacData(hash, key, Encoding.UTF8.GetBytes(text));

        private static Dictionary<string, string> Fields(string message) =>
            message.Split(',').ToDictionary(field => field[..1], field => field[2..], StringComparer.Ordinal);
    }
}
