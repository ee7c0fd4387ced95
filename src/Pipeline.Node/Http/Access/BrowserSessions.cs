using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Pipeline.Node.Http.Access;

/// <summary>A browser that has shown a token.</summary>
internal sealed record BrowserSession(string TokenId, string Name, DateTimeOffset ExpiresAt);

/// <summary>
/// Browsers that have shown a token need not keep it: they get a word of this process's own, which ends with it. The word is known by its
/// hash only. Bounded; thread-safe.
/// </summary>
internal sealed class BrowserSessions(TimeSpan lifetime, TimeProvider time)
{
    private const int KnownMax = 1_000;
    private const int WordBytes = 32;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, BrowserSession> _byHash = new(StringComparer.Ordinal);
    private (string Hash, BrowserSession For)? _code;

    /// <summary>The word of a new session.</summary>
    public string Begin(string tokenId, string name)
    {
        var (word, now) = (NewWord(), time.GetUtcNow());
        lock (_lock)
        {
            foreach (var (hash, session) in _byHash.ToList())
                if (session.ExpiresAt <= now) _byHash.Remove(hash);
            if (_byHash.Count >= KnownMax) _byHash.Remove(_byHash.MinBy(known => known.Value.ExpiresAt).Key);
            _byHash[HashOf(word)] = new BrowserSession(tokenId, name, now + lifetime);
        }

        return word;
    }

    public BrowserSession? Find(string word)
    {
        lock (_lock) return _byHash.TryGetValue(HashOf(word), out var session) && session.ExpiresAt > time.GetUtcNow() ? session : null;
    }

    public void End(string word)
    {
        lock (_lock) _byHash.Remove(HashOf(word));
    }

    /// <summary>A word that begins one session, once, for whoever opens a link at the terminal.</summary>
    public string OfferOnce(string tokenId, string name, TimeSpan goodFor)
    {
        var word = NewWord();
        lock (_lock) _code = (HashOf(word), new BrowserSession(tokenId, name, time.GetUtcNow() + goodFor));
        return word;
    }

    /// <summary>What was offered under this word, which is good no more; null: nothing.</summary>
    public BrowserSession? TakeOffer(string word)
    {
        lock (_lock)
        {
            if (_code is not var (hash, offered) || !CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(hash), Encoding.ASCII.GetBytes(HashOf(word)))) return null;
            _code = null;
            return offered.ExpiresAt > time.GetUtcNow() ? offered : null;
        }
    }

    private static string NewWord() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(WordBytes));

    private static string HashOf(string word) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(word)));
}
