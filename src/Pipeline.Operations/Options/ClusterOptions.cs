using Pipeline.Configuration;
using Pipeline.Remoting.Tls;

namespace Pipeline.Operations.Options;

/// <summary>What a node does in the cluster.</summary>
public enum NodeRole
{
    /// <summary>Reads sources and commits to Bronze.</summary>
    Ingest,

    /// <summary>Makes Silver and Gold.</summary>
    Transform,

    /// <summary>Answers operators over the network.</summary>
    Web,
}

/// <summary>How nodes find each other: the section <c>cluster</c>. Akka's finer settings are in <c>akka.conf</c>.</summary>
public sealed record ClusterOptions
{
    /// <summary>The name or address under which other nodes reach this one. Default 127.0.0.1.</summary>
    public string Hostname { get; init; } = "127.0.0.1";

    /// <summary>
    /// The address at which this node listens for the others, where that is none of <see cref="Hostname"/>'s yet, or another: 0.0.0.0 is every one of this
    /// machine. Empty: <see cref="Hostname"/>.
    /// </summary>
    public string BindHostname { get; init; } = "";

    /// <summary>Where this node listens for the others.</summary>
    public string ListensAt => BindHostname.Length > 0 ? BindHostname : Hostname;

    /// <summary>0 takes a free port, which only suits a cluster of one. Default 0.</summary>
    public int Port { get; init; }

    /// <summary><c>host:port</c> of nodes to join; empty: this node starts a cluster of its own.</summary>
    public IReadOnlyList<string> SeedNodes { get; init; } = [];

    /// <summary>How nodes recognise each other; null: not at all, which only suits nodes of one machine.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>Whether this node can be reached from its own machine only.</summary>
    public bool IsLoopback => TlsRule.IsLoopback(Hostname) && TlsRule.IsLoopback(ListensAt);

    /// <summary>Default: <c>ingest</c> and <c>transform</c>. Who is to answer operators over the network says so.</summary>
    public IReadOnlyList<NodeRole> Roles { get; init; } = [NodeRole.Ingest, NodeRole.Transform];

    internal static ClusterOptions Bind(SettingsReader settings)
    {
        var defaults = new ClusterOptions();
        var options = new ClusterOptions
        {
            Hostname = settings.String("hostname", defaults.Hostname),
            BindHostname = settings.String("bind-hostname", defaults.BindHostname),
            Port = settings.Int("port", defaults.Port, 0, 65535),
            SeedNodes = settings.Strings("seed-nodes"),
            Tls = TlsOptions.Bind(settings.Section("tls")),
            Roles = BindRoles(settings) is { Count: > 0 } roles ? roles : defaults.Roles,
        };
        foreach (var seed in options.SeedNodes)
            if (!Uri.TryCreate($"tcp://{seed}", UriKind.Absolute, out var address) || address.Port <= 0)
                settings.Report("seed-nodes", $"'{seed}' is not an address. Write host:port");
        settings.Complete();
        return options;
    }

    private static List<NodeRole> BindRoles(SettingsReader settings)
    {
        var names = Enum.GetNames<NodeRole>().Select(name => name.ToLowerInvariant()).ToArray();
        var roles = new List<NodeRole>();
        foreach (var text in settings.Strings("roles"))
        {
            if (names.Contains(text) && Enum.TryParse<NodeRole>(text, ignoreCase: true, out var role)) roles.Add(role);
            else settings.Report("roles", $"'{text}' is not a role{SettingsReader.Nearest(text, names)} Allowed: {string.Join(", ", names)}");
        }

        return roles;
    }
}
