using System.Collections.Immutable;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Control;
using Pipeline.Operations.Inspection;
using Pipeline.Transform;
using Pipeline.Transform.Engines.Emr;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Tables;

/// <param name="Run">Its number: <c>12</c> of <c>silver/users#12</c>.</param>
public sealed record ShowRunRequest(TableId Table, long Run)
{
    /// <summary>What is between a table and the number of its run.</summary>
    private const char Sign = '#';

    /// <summary>As people and logs call it: <c>silver/users#12</c>.</summary>
    /// <exception cref="FormatException">It is no run's name.</exception>
    public static ShowRunRequest Parse(string text)
    {
        var sign = text.LastIndexOf(Sign);
        if (sign < 0 || !long.TryParse(text.AsSpan(sign + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var run) || run < 1) throw new FormatException($"'{text}' names no run. Write a table and a number, as silver/users#12.");
        return new ShowRunRequest(TableId.Parse(text[..sign]), run);
    }

    public override string ToString() => $"{Table}{Sign}{Run.ToString(CultureInfo.InvariantCulture)}";
}

/// <summary>How far a run is.</summary>
public enum RunState
{
    /// <summary>It has made all of its commits.</summary>
    Done,

    /// <summary>It has committed to its own table, and not yet to those beside it.</summary>
    Unfinished,

    /// <summary>A node executes it, or has it executed.</summary>
    Running,

    /// <summary>It has failed, and is tried again.</summary>
    Retrying,

    /// <summary>It has failed, and somebody has to mend something.</summary>
    Halted,
}

/// <summary>A run, as the lake and the nodes know it.</summary>
/// <param name="Pins">What it reads and from which versions its tables go on; null: it has failed, and is planned anew.</param>
/// <param name="CommittedAt">Null: it has committed nothing.</param>
/// <param name="Version">That it made; null: none yet.</param>
/// <param name="Attempts">This one, and those that failed before it since the last run that succeeded.</param>
/// <param name="FailingSince">When the first of those failed; null: none did.</param>
/// <param name="Fault">Why the last attempt failed; null: it did not.</param>
/// <param name="Node">Which executes it, or has it executed; null: none does now.</param>
/// <param name="Log">Where the service that has executed it keeps its log; null: it runs in a node, whose own log has it, or nobody has said where logs are kept.</param>
/// <param name="Statements">What it computes; null: they are not kept, or no longer.</param>
public sealed record ShowRunResult(ShowRunRequest Run, RunState State, JobPins? Pins, DateTimeOffset? CommittedAt, long? Version, int Attempts, DateTimeOffset? FailingSince, ReportedFault? Fault, string? Node, string? Log,
    KeptStatements? Statements, ImmutableDictionary<string, string> Metrics)
{
    /// <summary>What executes it.</summary>
    public string Engine => Pins?.Engine ?? EngineKinds.InProcess;
}

/// <summary>What one run of a Silver or Gold table reads, computes and has done: by the table's log, and by what the nodes say of one that is not over.</summary>
public static class ShowRun
{
    /// <param name="options">Say where services keep logs; null: nobody does.</param>
    /// <param name="running">What the nodes say; null: none was asked.</param>
    /// <exception cref="PipelineException">There is no such table or run.</exception>
    public static async Task<ShowRunResult> RunAsync(ShowRunRequest request, TransformOptions? options, Lake lake, PipelineStatus? running, CancellationToken cancellationToken)
    {
        if (request.Table.Layer == Layer.Bronze) throw new PipelineException(FaultKind.Invalid, $"Table {request.Table}", "only Silver and Gold tables are made by runs", "'./pipeline history' lists the commits of any table.");
        var report = running?.Tables.FirstOrDefault(line => line.Table == request.Table)?.Report;
        var table = await lake.TryOpenAsync(request.Table, cancellationToken);
        if (table is not null && await RecordedRun.FindAsync(lake, request.Table, table, request.Run, cancellationToken) is { } made)
        {
            return new ShowRunResult(request, made.IsOver ? RunState.Done : RunState.Unfinished, made.Pins, made.CommittedAt, made.Version, AttemptsOf(made.Pins.FailedBefore), made.Pins.FailedBefore?.Since, Fault: null, made.IsOver ? null : report?.Runner,
                options is null ? null : RunLogs.PlaceOf(made.Pins, made.Metrics, options), await KeptStatements.FindAsync(lake, made.Pins, cancellationToken), made.Metrics);
        }

        if (report?.Running is { } pins && pins.Run == request.Run)
        {
            return new ShowRunResult(request, RunState.Running, pins, CommittedAt: null, Version: null, AttemptsOf(pins.FailedBefore), pins.FailedBefore?.Since, Fault: null, report.Runner, Log: null,
                await KeptStatements.FindAsync(lake, pins, cancellationToken), ImmutableDictionary<string, string>.Empty);
        }

        if (report is { FailedBefore: { } failed, Fault: { } fault } && request.Run == report.Run + 1)
        {
            return new ShowRunResult(request, report.State == WorkState.Halted ? RunState.Halted : RunState.Retrying, Pins: null, CommittedAt: null, Version: null, failed.Attempts, failed.Since, fault, Node: null, Log: null, Statements: null,
                ImmutableDictionary<string, string>.Empty);
        }

        if (table is null) await LakeInventory.RequireAsync(lake, request.Table, cancellationToken);
        throw new PipelineException(FaultKind.Missing, $"Run {request}", $"the table's log does not have it{(table?.Current.Position(JobPins.RunAppId) is { } last ? $", and its last run is {last}" : "")}{(running is null ? "; of one that is not over only a running node knows" : ", and no node runs it")}",
            $"'./pipeline history {request.Table}' lists those that the log still has{(running is null ? "; ask where a node runs, or name one with --url" : "")}.");
    }

    private static int AttemptsOf(FailedBefore? failed) => (failed?.Attempts ?? 0) + 1;
}
