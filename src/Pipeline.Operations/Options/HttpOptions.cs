using System.Net;
using Pipeline.Configuration;
using Pipeline.Remoting.Tls;

namespace Pipeline.Operations.Options;

/// <summary>Where a node can be asked, and by whom: the section <c>http</c>.</summary>
public sealed record HttpOptions
{
    /// <summary>
    /// The address that is listened at, or <c>localhost</c>. Whoever reaches it may ask how the node is; all else needs a token, and a node
    /// of role <c>web</c>. Default 127.0.0.1.
    /// </summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>0 takes a free port, which the log says. Default 0.</summary>
    public int Port { get; init; }

    /// <summary>Names under which the node is asked, beside its addresses: a request under another name is refused. Default: none.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>What the node shows who connects; null: it speaks plain text, which only suits its own machine where it is of role <c>web</c>.</summary>
    public ServerTlsOptions? Tls { get; init; }

    /// <summary>The directory of the socket by which programs of this machine ask; null: <c>/tmp/pipeline-UID</c>.</summary>
    public string? SocketDirectory { get; init; }

    public HttpAccessOptions Access { get; init; } = new();

    /// <summary>What <see cref="Host"/> stands for.</summary>
    public IPAddress Address => Host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(Host);

    /// <summary>Whether only this machine reaches it.</summary>
    public bool IsLoopback => IPAddress.IsLoopback(Address);

    internal static HttpOptions Bind(SettingsReader settings)
    {
        var defaults = new HttpOptions();
        var options = new HttpOptions
        {
            Host = settings.String("host", defaults.Host),
            Port = settings.Int("port", defaults.Port, 0, 65535),
            Names = settings.Strings("names"),
            Tls = ServerTlsOptions.Bind(settings.Section("tls")),
            SocketDirectory = settings.OptionalString("socket-directory"),
            Access = HttpAccessOptions.Bind(settings.Section("access")),
        };
        if (options.Host != "localhost" && !IPAddress.TryParse(options.Host, out _))
        {
            settings.Report("host", $"'{options.Host}' is no address of this machine. Write 127.0.0.1, an address, or 0.0.0.0 for all of them");
            options = options with { Host = defaults.Host };
        }

        foreach (var name in options.Names.Where(name => Uri.CheckHostName(name) == UriHostNameType.Unknown))
            settings.Report("names", $"'{name}' is no name of a machine. Write it without a scheme and a port");
        settings.Complete();
        return options;
    }
}
