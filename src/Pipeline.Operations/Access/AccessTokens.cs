using System.Text.Json;
using System.Text.RegularExpressions;
using Pipeline.Core;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Access;

/// <summary>
/// The tokens by which operators ask the nodes of this machine, kept as hashes in a file that nobody else may read. Nodes see what is
/// changed there with the next request. Safe to use from several threads.
/// </summary>
public sealed partial class AccessTokens(HttpAccessOptions options, TimeProvider time)
{
    /// <summary>How long a token goes on being good that another takes the place of.</summary>
    public static readonly TimeSpan Overlap = TimeSpan.FromHours(1);

    /// <summary>What <c>flock</c> gives where somebody else holds the lock.</summary>
    private const int WouldBlock = 11;

    /// <summary>A file that was written twice within a tick of the file system's clock looks as if it were written once.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(2);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly Lock _lock = new();
    private readonly string _directory = Path.GetFullPath(options.Directory);
    private (DateTime ChangedAt, long Length) _seen;
    private IReadOnlyList<AccessToken> _tokens = [];

    /// <summary>Where the hashes are.</summary>
    public string File => Path.Combine(_directory, "tokens.json");

    /// <summary>Those that are known, expired ones among them.</summary>
    /// <exception cref="PipelineException">The file cannot be read, or others may write it.</exception>
    public IReadOnlyList<AccessToken> All
    {
        get
        {
            lock (_lock) return Read();
        }
    }

    /// <summary>The token that somebody shows; null: it is unknown, or good no more.</summary>
    /// <exception cref="PipelineException">Tokens cannot be read.</exception>
    public AccessToken? Find(string shown)
    {
        if (TokenText.TryParse(shown) is not var (id, hash)) return null;
        var now = time.GetUtcNow();
        AccessToken? found = null;
        foreach (var token in All)
            if (TokenText.AreSame(token.Sha256, hash) && token.Id == id && token.IsValidAt(now)) found = token;
        return found;
    }

    /// <summary>Whether a token that was shown before is good still.</summary>
    public bool IsGood(string id) => All.Any(token => token.Id == id && token.IsValidAt(time.GetUtcNow()));

    /// <summary>Makes the first token, an operator's way in; null: there are tokens, another process makes one just now, or none is to be made.</summary>
    /// <exception cref="PipelineException">The directory cannot be written.</exception>
    public IssuedToken? IssueFirst()
    {
        if (!options.Roles.ContainsKey(HttpAccessOptions.FirstToken)) return null;
        return Writing(() => All.Count > 0 ? null : Add(HttpAccessOptions.FirstToken, options.TokenLifetime, [.. All]), whenHeld: () => null);
    }

    /// <summary>Makes a token.</summary>
    /// <exception cref="PipelineException">There is one of that name, the name is none, or the directory cannot be written.</exception>
    public IssuedToken Issue(string name, TimeSpan lifetime)
    {
        if (!Name().IsMatch(name)) throw new PipelineException(FaultKind.Invalid, $"Token '{name}'", "that is no name", "Use letters, digits, _, - and ., at most 64.");
        return Writing(() => All.Any(token => token.Name == name && token.IsValidAt(time.GetUtcNow()))
            ? throw new PipelineException(FaultKind.Invalid, $"Token {name}", "there is one of that name", "Rotate it, or take another name.")
            : Add(name, lifetime, [.. All.Where(token => token.Name != name)]));
    }

    /// <summary>Makes one that takes another's place, which is good for a while still.</summary>
    /// <exception cref="PipelineException">There is none of that name, or the directory cannot be written.</exception>
    public IssuedToken Rotate(string name, TimeSpan lifetime, TimeSpan overlap) => Writing(() =>
    {
        Require(name);
        var end = time.GetUtcNow() + overlap;
        return Add(name, lifetime, [.. All.Select(token => token.Name == name && token.ExpiresAt > end ? token with { ExpiresAt = end } : token)]);
    });

    /// <summary>Ends all tokens of a name at once.</summary>
    /// <exception cref="PipelineException">There is none of that name, or the directory cannot be written.</exception>
    public void Revoke(string name) => Writing(() =>
    {
        Require(name);
        Write([.. All.Where(token => token.Name != name)]);
        System.IO.File.Delete(FileOf(name));
        return true;
    });

    private void Require(string name)
    {
        if (All.Any(token => token.Name == name)) return;
        throw new PipelineException(FaultKind.Missing, $"Token {name}", "there is none of that name", "'pipeline token list' shows those there are.");
    }

    private IssuedToken Add(string name, TimeSpan lifetime, IReadOnlyList<AccessToken> others)
    {
        var now = time.GetUtcNow();
        var (text, id, hash) = TokenText.Create();
        var token = new AccessToken(id, name, hash, now, now + lifetime);
        // Whoever finds the file finds a token that is good.
        Write([.. others.Where(other => other.IsValidAt(now)), token]);
        Put(FileOf(name), writer => writer.Write(text + "\n"));
        return new IssuedToken(token, FileOf(name));
    }

    private string FileOf(string name) => Path.Combine(_directory, $"{name}.token");

    private void Write(IReadOnlyList<AccessToken> tokens)
    {
        Put(File, writer => writer.Write(JsonSerializer.Serialize(new TokenFile(TokenFile.Version, tokens), Json) + "\n"));
        lock (_lock) _seen = default;
    }

    /// <summary>A file is there whole or as it was before.</summary>
    private static void Put(string path, Action<TextWriter> write)
    {
        var beside = $"{path}.{Guid.NewGuid():n}";
        using (var stream = OwnFiles.Open(beside, FileMode.CreateNew, FileShare.None))
        {
            using var writer = new StreamWriter(stream);
            write(writer);
            writer.Flush();
            stream.Flush(flushToDisk: true);
        }

        System.IO.File.Move(beside, path, overwrite: true);
    }

    /// <summary>One process at a time.</summary>
    private T Writing<T>(Func<T> write, Func<T>? whenHeld = null)
    {
        try
        {
            OwnFiles.CreateDirectory(_directory);
            using var held = OwnFiles.Open(Path.Combine(_directory, "lock"), FileMode.OpenOrCreate, FileShare.None);
            return write();
        }
        catch (IOException e) when (e.HResult == WouldBlock && whenHeld is not null)
        {
            return whenHeld();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PipelineException(FaultKind.Invalid, $"Tokens in {_directory}", $"they cannot be written: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}",
                "Let this process write there, or name another http.access.directory; where another process writes there just now, do it again.", e);
        }
    }

    private IReadOnlyList<AccessToken> Read()
    {
        try
        {
            var file = new FileInfo(File);
            if (!file.Exists) return _tokens = [];
            if (OwnFiles.IsOthersToWrite(File)) throw Unreadable("others may write it", $"chmod 600 {File}, and look who has made which token.", inner: null);
            if (_seen == (file.LastWriteTimeUtc, file.Length) && time.GetUtcNow().UtcDateTime - file.LastWriteTimeUtc > Settled) return _tokens;
            var (changedAt, length) = (file.LastWriteTimeUtc, file.Length);
            var read = JsonSerializer.Deserialize<TokenFile>(System.IO.File.ReadAllText(File), Json);
            if (read is not { Tokens: { } tokens } || tokens.Any(token => token is not { Id: not null, Name: not null, Sha256: not null })) throw Unreadable("it names no tokens", "Restore it, or delete it and make tokens anew.", inner: null);
            (_seen, _tokens) = ((changedAt, length), tokens);
            return _tokens;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw Unreadable(e.Message.ReplaceLineEndings(" ").TrimEnd('.'), "Let this process read it, or delete it and make tokens anew.", e);
        }
    }

    private PipelineException Unreadable(string cause, string nextStep, Exception? inner) => new(FaultKind.Damaged, $"Tokens in {File}", $"they cannot be believed: {cause}", nextStep, inner);

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Name();

    private sealed record TokenFile(int SchemaVersion, IReadOnlyList<AccessToken> Tokens)
    {
        public const int Version = 1;
    }
}
