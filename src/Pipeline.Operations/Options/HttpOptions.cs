using System.Net;
using Pipeline.Configuration;

namespace Pipeline.Operations.Options;

/// <summary>Where a node says how it is: the section <c>http</c>.</summary>
public sealed record HttpOptions
{
    /// <summary>The address that is listened at, or <c>localhost</c>. Whoever reaches it may ask how the node is; nobody can change anything. Default 127.0.0.1.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>0 takes a free port, which the log says. Default 0.</summary>
    public int Port { get; init; }

    /// <summary>What <see cref="Host"/> stands for.</summary>
    public IPAddress Address => Host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(Host);

    internal static HttpOptions Bind(SettingsReader settings)
    {
        var defaults = new HttpOptions();
        var options = new HttpOptions { Host = settings.String("host", defaults.Host), Port = settings.Int("port", defaults.Port, 0, 65535) };
        if (options.Host != "localhost" && !IPAddress.TryParse(options.Host, out _))
        {
            settings.Report("host", $"'{options.Host}' is no address of this machine. Write 127.0.0.1, an address, or 0.0.0.0 for all of them");
            options = options with { Host = defaults.Host };
        }

        settings.Complete();
        return options;
    }
}
