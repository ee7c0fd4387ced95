using Pipeline.Core;

namespace Pipeline.Configuration;

/// <summary>Where a source is, as one writes it in a line: <c>SCHEME://[USER[:PASSWORD]@]HOST[:PORT][,…][/PATH][?OPTION=VALUE&amp;…]</c>.</summary>
/// <param name="Scheme">In small letters.</param>
/// <param name="Authority">Hosts with their ports, without who we are.</param>
/// <param name="Path">Its parts.</param>
public sealed record SourceUrl(string Scheme, string Authority, IReadOnlyList<string> Path, IReadOnlyDictionary<string, string> Options)
{
    private const string Form = "SCHEME://[USER@]HOST[:PORT]/PATH, as postgres://reader@db.example/shop or kafka://broker.example:9093";

    /// <summary>Null: none was named.</summary>
    public string? Username { get; init; }

    /// <summary>Null: there is none.</summary>
    public Secret? Password { get; init; }

    /// <summary>As errors name it: without a password.</summary>
    public string Thing => $"URL {Scheme}://{(Username is null ? "" : $"{Username}@")}{Authority}{string.Concat(Path.Select(part => $"/{part}"))}";

    /// <summary>All its hosts are this machine by their names, so that nobody listens in between.</summary>
    public bool IsLoopback => Hosts.All(host => TlsRule.IsLoopback(host.Host));

    /// <summary>Each with its port; null: the usual one.</summary>
    public IReadOnlyList<(string Host, int? Port)> Hosts => [.. Authority.Split(',').Select(SplitPort)];

    /// <exception cref="PipelineException">It is none; the error has no password.</exception>
    public static SourceUrl Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var at = text.IndexOf("://", StringComparison.Ordinal);
        if (at <= 0 || !text[..at].All(char.IsAsciiLetterOrDigit)) throw Wrong("it has no scheme");
        var (scheme, rest) = (text[..at].ToLowerInvariant(), text[(at + 3)..]);
        // A password may have a slash or a question mark in it that nobody has escaped: path and options begin behind the last @.
        var from = Math.Max(0, rest.LastIndexOf('@'));
        var (beforeOptions, options) = rest.IndexOf('?', from) is var question and >= 0 ? (rest[..question], rest[(question + 1)..]) : (rest, "");
        var end = beforeOptions.IndexOf('/', from);
        var (authority, path) = end < 0 ? (beforeOptions, "") : (beforeOptions[..end], beforeOptions[(end + 1)..]);
        var (user, hosts) = authority.LastIndexOf('@') is var who and >= 0 ? (authority[..who], authority[(who + 1)..]) : (null, authority);
        var (name, password) = user is null ? (null, null) : Cut(user, ':');
        // Read as a password's, the @ of an option would send the password to a host that nobody has named.
        if (user is not null && (name!.Contains('?') || (user.IndexOf('@') is var first and >= 0 && user.IndexOf('?', first) >= 0))) throw Wrong("an @ stands behind a ? that may begin its options (write an @ of an option or password as %40, and a ? of a password as %3F)");
        var url = new SourceUrl(scheme, hosts, [.. path.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Uri.UnescapeDataString)], ReadOptions(options))
        {
            Username = name is { Length: > 0 } ? Uri.UnescapeDataString(name) : null,
            Password = password is { Length: > 0 } ? new Secret(Uri.UnescapeDataString(password)) : null,
        };
        foreach (var (host, port) in url.Hosts)
        {
            if (host.Length == 0) throw Wrong("it names no host");
            if (port is < 1 or > 65_535) throw Wrong($"{port} is not a port");
        }

        return url;
    }

    /// <summary>An option that it may have.</summary>
    public string? Option(string name) => Options.GetValueOrDefault(name);

    /// <exception cref="PipelineException">It has another option than these.</exception>
    public void AllowOptions(params ReadOnlySpan<string> names)
    {
        foreach (var option in Options.Keys)
            if (!names.Contains(option))
                throw new PipelineException(FaultKind.Invalid, Thing, $"there is no option {(option.AsSpan().ContainsAny('@', ':') ? "of a name with @ or :" : $"'{option}'")} for {Scheme}://", $"Correct it{SettingsReader.Nearest(option, [.. names])} Allowed: {string.Join(", ", names)}.");
    }

    private static (string Host, int? Port) SplitPort(string host)
    {
        var colon = host.LastIndexOf(':');
        // An address of IPv6 stands in brackets.
        if (colon <= host.LastIndexOf(']') || colon < 0) return (host.Trim('[', ']'), null);
        return (host[..colon].Trim('[', ']'), int.TryParse(host[(colon + 1)..], out var port) ? port : 0);
    }

    private static Dictionary<string, string> ReadOptions(string text)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var option in text.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = Cut(option, '=');
            options[Uri.UnescapeDataString(name)] = Uri.UnescapeDataString(value ?? "");
        }

        return options;
    }

    private static (string Before, string? Behind) Cut(string text, char at) => text.IndexOf(at, StringComparison.Ordinal) is var found and >= 0 ? (text[..found], text[(found + 1)..]) : (text, null);

    private static PipelineException Wrong(string cause) => new(FaultKind.Invalid, "The source's URL", cause, $"Write {Form}.");
}
