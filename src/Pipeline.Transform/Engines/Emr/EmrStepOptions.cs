using System.Collections.Immutable;
using Pipeline.Aws;
using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>Runs as steps of a cluster of EMR.</summary>
public sealed record EmrStepOptions
{
    /// <summary>How EMR is reached.</summary>
    public required AwsSettings Aws { get; init; }

    /// <summary>A cluster that is there, <c>j-…</c>; null: <see cref="Cluster"/> says how one is started.</summary>
    public string? ClusterId { get; init; }

    /// <summary>The pipeline's own cluster; null: it has a <see cref="ClusterId"/>.</summary>
    public EmrClusterOptions? Cluster { get; init; }

    /// <summary>The runtime role that steps run as, an ARN, where the cluster has them; null: the role of its instances.</summary>
    public string? ExecutionRole { get; init; }

    /// <summary>Those of single tables, so that a step may touch no table but its own.</summary>
    public ImmutableDictionary<TableId, string> ExecutionRoles { get; init; } = ImmutableDictionary<TableId, string>.Empty;

    /// <summary>Where the cluster puts its logs, an address in S3; null: where we cannot read them.</summary>
    public string? LogUri { get; init; }

    /// <summary>How long a run may wait, and how long it may run. Default 12 h, from 5 min to 7 days.</summary>
    public TimeSpan JobTimeMax { get; init; } = EmrSettings.JobTimeMax;

    /// <summary>
    /// How often the cluster is asked how its steps are, however many there are. Default and least 10 s, to 5 min; less than that only an
    /// emulation is asked. AWS throttles who asks more, all users of the account with him.
    /// </summary>
    public TimeSpan PollInterval { get; init; } = EmrSettings.PollIntervalLeast;

    /// <summary>Whose SQL the steps are given. Default Spark's; DuckDB's is for an emulation.</summary>
    public EngineDialect Dialect { get; init; } = EngineDialect.Spark;

    /// <summary>What an hour of the cluster costs; null: what runs cost is not known.</summary>
    public EmrClusterPrices? Prices { get; init; }

    /// <summary>How long the log of a step that has failed is waited for: a cluster copies logs every five minutes, an emulation at once or never.</summary>
    internal TimeSpan LogLateMax => Dialect == EngineDialect.Spark ? TimeSpan.FromMinutes(6) : TimeSpan.FromSeconds(5);

    public string? RoleOf(TableId table) => ExecutionRoles.GetValueOrDefault(table) ?? ExecutionRole;

    /// <summary>Reads the section <c>transform.emr</c>, reporting every problem to the reader; null: it is not there.</summary>
    public static EmrStepOptions? Bind(SettingsReader transform)
    {
        if (!transform.Has("emr")) return null;
        var settings = transform.Section("emr");
        var dialect = settings.Choice<EngineDialect>("dialect", EngineDialect.Spark);
        var cluster = EmrClusterOptions.Bind(settings);
        var options = new EmrStepOptions
        {
            Aws = EmrSettings.Aws(settings),
            ClusterId = settings.Has("cluster") ? settings.OptionalString("cluster-id") : settings.String("cluster-id"),
            Cluster = cluster,
            ExecutionRole = EmrSettings.Role(settings, "execution-role", settings.OptionalString("execution-role")),
            ExecutionRoles = Roles(settings.Section("execution-roles")),
            LogUri = EmrSettings.LogUri(settings),
            JobTimeMax = EmrSettings.JobTime(settings),
            Dialect = dialect,
            PollInterval = EmrSettings.PollInterval(settings, dialect),
            Prices = EmrClusterPrices.Bind(settings, cluster?.StepConcurrency),
        };
        if (options is { ClusterId: not null, Cluster: not null })
            settings.Report("cluster-id", "names a cluster, and cluster { ... } says how to start one. Delete one of them");
        settings.Complete();
        return options;
    }

    private static ImmutableDictionary<TableId, string> Roles(SettingsReader settings)
    {
        var roles = ImmutableDictionary.CreateBuilder<TableId, string>();
        foreach (var (name, role) in settings.Texts())
        {
            try
            {
                if (EmrSettings.Role(settings, name, role) is { } arn) roles[TableId.Parse(name)] = arn;
            }
            catch (FormatException e)
            {
                settings.Report(name, e.Message);
            }
        }

        return roles.ToImmutable();
    }
}
