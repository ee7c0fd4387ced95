using System.Collections.Immutable;
using Pipeline.Aws.Emr;
using Pipeline.Configuration;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>The cluster of EMR that is started when there is something to do, and ends when there was nothing for a while.</summary>
public sealed record EmrClusterOptions
{
    /// <summary>EMR's release. Default <c>emr-6.15.0</c>: Spark 3.4.1 and Delta 2.4.0.</summary>
    public string Release { get; init; } = "emr-6.15.0";

    /// <summary>What is installed. Default Hadoop, Hive, Spark.</summary>
    public ImmutableArray<string> Applications { get; init; } = ["Hadoop", "Hive", "Spark"];

    /// <summary>Of all instances. Default <c>m5.2xlarge</c>: 8 vCPU, 32 GiB.</summary>
    public string InstanceType { get; init; } = "m5.2xlarge";

    /// <summary>Instances at the start, with the primary one, on which drivers run. Default 5, from 1 to 1,000.</summary>
    public int Instances { get; init; } = 5;

    /// <summary>Between what EMR resizes it by itself; null: it keeps its size.</summary>
    public EmrScalingLimits? Scaling { get; init; }

    /// <summary>It ends when it had no step for so long. Default 1 h, from 1 min to 7 days. A new one takes some minutes to start, an idle one costs.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Steps at once. Default 4, from 1 to 256. Each has its driver on the primary instance.</summary>
    public int StepConcurrency { get; init; } = 4;

    /// <summary>The role of EMR itself. Default the one that <c>aws emr create-default-roles</c> makes.</summary>
    public string ServiceRole { get; init; } = "EMR_DefaultRole";

    /// <summary>The profile with the role of the instances, which steps have as well without one of their own. Default as above.</summary>
    public string InstanceProfile { get; init; } = "EMR_EC2_DefaultRole";

    /// <summary>Null: one of the account's default network.</summary>
    public string? Subnet { get; init; }

    /// <summary>Null: EMR's own.</summary>
    public string? PrimarySecurityGroup { get; init; }

    /// <inheritdoc cref="PrimarySecurityGroup"/>
    public string? CoreSecurityGroup { get; init; }

    /// <inheritdoc cref="PrimarySecurityGroup"/>
    public string? ServiceSecurityGroup { get; init; }

    /// <summary>Properties by EMR's classifications. Default: Delta is there for all jobs of the cluster (<c>delta-defaults</c>).</summary>
    public ImmutableSortedDictionary<string, ImmutableSortedDictionary<string, string>> Configurations { get; init; } = DeltaOnly;

    /// <summary>On the cluster and its instances, beside the pipeline's name and its lake's id.</summary>
    public ImmutableSortedDictionary<string, string> Tags { get; init; } = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    private static ImmutableSortedDictionary<string, ImmutableSortedDictionary<string, string>> DeltaOnly { get; } =
        ImmutableSortedDictionary.Create<string, ImmutableSortedDictionary<string, string>>(StringComparer.Ordinal)
            .Add("delta-defaults", ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal).Add("delta.enabled", "true"));

    /// <summary>Reads the section <c>transform.emr.cluster</c>, reporting every problem to the reader; null: it is not there.</summary>
    public static EmrClusterOptions? Bind(SettingsReader emr)
    {
        if (!emr.Has("cluster")) return null;
        var settings = emr.Section("cluster");
        var groups = settings.Section("security-groups");
        var byDefault = new EmrClusterOptions();
        var applications = settings.Strings("applications");
        var options = new EmrClusterOptions
        {
            Release = settings.String("release", byDefault.Release),
            Applications = applications.Count == 0 ? byDefault.Applications : [.. applications],
            InstanceType = settings.String("instance-type", byDefault.InstanceType),
            Instances = settings.Int("instances", byDefault.Instances, 1, 1_000),
            Scaling = BindScaling(settings),
            IdleTimeout = settings.Duration("idle-timeout", byDefault.IdleTimeout, TimeSpan.FromMinutes(1), TimeSpan.FromDays(7)),
            StepConcurrency = settings.Int("step-concurrency", byDefault.StepConcurrency, 1, 256),
            ServiceRole = settings.String("service-role", byDefault.ServiceRole),
            InstanceProfile = settings.String("instance-profile", byDefault.InstanceProfile),
            Subnet = settings.OptionalString("subnet"),
            PrimarySecurityGroup = groups.OptionalString("primary"),
            CoreSecurityGroup = groups.OptionalString("core"),
            ServiceSecurityGroup = groups.OptionalString("service"),
            Configurations = byDefault.Configurations.SetItems(settings.Section("configurations").Children().Select(pair => KeyValuePair.Create(pair.Name, pair.Settings.TextsBelow().ToImmutableSortedDictionary(StringComparer.Ordinal)))),
            Tags = settings.Section("tags").Texts().ToImmutableSortedDictionary(StringComparer.Ordinal),
        };
        if (!options.Applications.Contains("Spark", StringComparer.Ordinal)) settings.Report("applications", "do not have Spark, which executes the runs. Add it");
        if (!options.Release.StartsWith("emr-", StringComparison.Ordinal)) settings.Report("release", $"'{options.Release}' is no release of EMR. Write one such as {byDefault.Release}");
        groups.Complete();
        settings.Complete();
        return options;
    }

    /// <summary>What EMR is asked for.</summary>
    /// <param name="tags">Beside those that are configured.</param>
    internal NewEmrCluster ToNew(string name, string? logUri, IEnumerable<KeyValuePair<string, string>> tags) => new(name, Release, InstanceType, Instances)
    {
        Applications = Applications, ServiceRole = ServiceRole, InstanceProfile = InstanceProfile, SubnetId = Subnet,
        PrimarySecurityGroup = PrimarySecurityGroup, CoreSecurityGroup = CoreSecurityGroup, ServiceSecurityGroup = ServiceSecurityGroup,
        LogUri = logUri, StepConcurrency = StepConcurrency, IdleTimeout = IdleTimeout, Scaling = Scaling,
        Configurations = Configurations.ToDictionary(pair => pair.Key, pair => (IReadOnlyDictionary<string, string>)pair.Value, StringComparer.Ordinal),
        Tags = Tags.SetItems(tags),
    };

    private static EmrScalingLimits? BindScaling(SettingsReader cluster)
    {
        if (!cluster.Has("scaling")) return null;
        var settings = cluster.Section("scaling");
        var min = settings.Int("instances-min", 1, 1, 1_000);
        var limits = new EmrScalingLimits(min, settings.Int("instances-max", 10, 1, 1_000), settings.Has("core-max") ? settings.Int("core-max", min, 1, 1_000) : null);
        if (limits.Max < limits.Min) settings.Report("instances-max", $"is {limits.Max} and less than instances-min, {limits.Min}. Write that or more");
        if (limits.CoreMax < limits.Min || limits.CoreMax > limits.Max) settings.Report("core-max", $"is {limits.CoreMax}. Write a number from instances-min, {limits.Min}, to instances-max, {limits.Max}");
        settings.Complete();
        return limits;
    }
}
