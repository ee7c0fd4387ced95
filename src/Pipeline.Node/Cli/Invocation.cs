using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Node.Composition;
using Pipeline.Operations.Control;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Options;
using Pipeline.Operations.Sources;
using Pipeline.Operations.Tables;
using Pipeline.Transform;

namespace Pipeline.Node.Cli;

/// <summary>One use of the command line: what was asked for beside the verb's own options.</summary>
internal sealed record Invocation(NodeContext Context, string ConfigPath, string? LakeLocation, OutputFormat Format, bool IsVerbose)
{
    /// <summary>Tables of one answer stand apart.</summary>
    private bool _hasPrinted;

    /// <summary>The target that it is for; null: the pipeline itself.</summary>
    public string? Target { get; init; }

    /// <summary>How lines of the log are written; null: nobody has said so here.</summary>
    public LogFormat? LogFormat { get; init; }

    /// <summary>The configuration as it was read last; null: it has not been.</summary>
    public PipelineOptions? Known { private get; set; }

    /// <summary>The configuration, read once: to check its queries takes a second.</summary>
    /// <exception cref="Pipeline.Configuration.ConfigurationException">All that is wrong with it.</exception>
    public PipelineOptions Load() => Known ??= LoadAnew();

    /// <summary>The configuration as it is by now, for who goes on after it was changed.</summary>
    /// <inheritdoc cref="Load"/>
    public PipelineOptions LoadAnew() => Known = PipelineOptions.Load(ConfigPath, SourceKinds.All, LakeLocation, Context.Environment, target: Target);

    /// <summary>The configuration; null: a lake was named instead, and there is no file.</summary>
    public PipelineOptions? TryLoad() => NamedDirectory is null || File.Exists(ConfigPath) ? Load() : null;

    /// <summary>The lake of <c>--lake</c>; else that of the configuration, which is read only then.</summary>
    public Lake OpenLake()
    {
        if (NamedDirectory is not { } directory) return Lakes.Open(Load().Lake, Context.Time);
        var named = new LakeOptions { Location = directory };
        // Where tables lie elsewhere, the configuration says how they are reached.
        return Lakes.Open(Lakes.MayHavePlaces(named) && File.Exists(ConfigPath) ? Load().Lake : named, Context.Time);
    }

    /// <summary>Another location than the lake's: one of the configuration by its name, or an address, whose bucket is reached as lake.s3 says.</summary>
    public IObjectStore OpenStore(string location)
    {
        if (NamedDirectory is not null && !S3Location.IsS3(location)) return ObjectStores.Open(location, new S3Options(), Context.Time);
        var lake = Load().Lake;
        return lake.Places.Locations.TryGetValue(location, out var named) ? ObjectStores.Open(named.Address, named.S3, Context.Time) : ObjectStores.Open(location, lake.S3, Context.Time);
    }

    /// <summary>How late tables may be, as the configuration says; for a directory that is named instead of one, as none says.</summary>
    public FreshnessOptions Freshness() => NamedDirectory is null ? Load().Freshness : new FreshnessOptions();

    /// <summary>What executions of runs have left in the lake, and beside it where the configuration says so.</summary>
    public ExecutionRemains RemainsOf(Lake lake)
    {
        var options = NamedDirectory is null ? Load() : null;
        return ExecutionRemains.Of(lake, options?.Transform, location => ObjectStores.Open(location, options?.Lake.S3 ?? new S3Options(), Context.Time));
    }

    /// <summary>What sources of this command get.</summary>
    public SourceServices Services(ILoggerFactory logs) => new(Context.Time, logs, Load().Secrets, new LakeOwner(Load().Name, OpenLake()));

    /// <summary>What operators want, in the lake: a running pipeline finds it there.</summary>
    public LakeControl OpenControl() => LakeControl.Of(Load(), OpenLake(), sources: [], Context.Time);

    /// <summary>Who uses the command line, for those who read later what he wanted.</summary>
    public static string Operator => $"{System.Environment.UserName}@{System.Environment.MachineName}";

    /// <summary>A bucket needs the settings of lake.s3, a directory needs none. Null: none was named.</summary>
    private string? NamedDirectory => LakeLocation is { } location && !S3Location.IsS3(location) ? location : null;

    /// <summary>What a program is answered, where one asks.</summary>
    public required Answer Answer { get; init; }

    /// <summary>For people and as comma-separated values at once, for programs with what else they are answered.</summary>
    public void Print(Listing listing)
    {
        if (Format == OutputFormat.Json) Answer.Take(listing);
        else if (Format == OutputFormat.Csv) listing.PrintCsv(Context.Data);
        else if (listing.Count > 0)
        {
            if (_hasPrinted) Context.Say("");
            _hasPrinted = true;
            listing.PrintTable(Context);
        }
    }

    /// <summary>The tables of which a verb's work could not be done, each reason once; the code of the first.</summary>
    public int Report(IReadOnlyList<FailedTable> failed)
    {
        foreach (var table in failed) Answer.Take(ToldError.Of(table.Fault));
        return Faults.Report(Context, failed);
    }

    public NodeLoggerFactory CreateLogs(LogLevel level) => NodeLogs.Create(Context.Messages, IsVerbose ? LogLevel.Debug : level, LogFormat ?? Operations.Options.LogFormat.Text);
}
