using System.Data.Common;
using System.Net.Sockets;
using System.Text.Json.Serialization;

namespace Pipeline.Core;

/// <summary>What went wrong, as a value: it can be remembered, compared, shown, and sent to another node.</summary>
/// <param name="Thing">What is affected, e.g. <c>Source crm, table customer_orders</c>.</param>
/// <param name="Cause">What happened, without a closing full stop.</param>
/// <param name="NextStep">What the reader can do, as a sentence.</param>
/// <param name="Split">The only split that is affected; null: all of the reading.</param>
/// <param name="Dependency">
/// The system that did not answer, where <paramref name="Thing"/> is a piece of it that differs from one try to the next
/// (an object of a bucket): the same dependency away is one outage, whatever pieces were asked for. Null: the thing itself.
/// </param>
public sealed record Fault(FaultKind Kind, string Thing, string Cause, string NextStep, SplitId? Split = null, string? Dependency = null)
{
    /// <summary>Whether trying again later can help without anybody doing anything here.</summary>
    [JsonIgnore]
    public bool IsTransient => Kind.IsTransient();

    /// <inheritdoc cref="FaultKinds.IsTriedAgain"/>
    [JsonIgnore]
    public bool IsTriedAgain => Kind.IsTriedAgain();

    /// <summary>
    /// Whether only somebody's word ends it: looking again may find it gone by chance, as a position beyond an end that grows
    /// again. Known where it was met, and not sent on.
    /// </summary>
    [JsonIgnore]
    public bool AwaitsWord { get; init; }

    /// <inheritdoc cref="PipelineException.ReadAgainFrom"/>
    [JsonIgnore]
    public long? ReadAgainFrom { get; init; }

    /// <inheritdoc cref="PipelineException.Anew"/>
    [JsonIgnore]
    public IReadOnlyList<TableAnew> Anew { get; init; } = [];

    /// <inheritdoc cref="PipelineException.IsOfTable"/>
    [JsonIgnore]
    public bool IsOfTable { get; init; }

    /// <summary>What is away while this lasts.</summary>
    [JsonIgnore]
    public string Outage => Dependency ?? Thing;

    /// <summary>
    /// Any exception as a fault. What none of us has put into words, and is no time-out of a library, is a
    /// <see cref="FaultKind.Defect"/>: it is never blamed on a dependency.
    /// </summary>
    /// <param name="thing">What was being done, for errors that do not say it themselves.</param>
    /// <param name="exception">Not the caller's own cancellation: that is no fault.</param>
    public static Fault Of(string thing, Exception exception) => exception switch
    {
        PipelineException said => new Fault(said.Kind, said.Thing, said.Cause, said.NextStep, said.Split, said.Dependency) { AwaitsWord = said is { Kind: FaultKind.Gap, Gap: null }, ReadAgainFrom = said.ReadAgainFrom, IsOfTable = said.IsOfTable, Anew = said.Anew },
        AggregateException { InnerExceptions: [var one] } => Of(thing, one),
        TimeoutException or OperationCanceledException { InnerException: TimeoutException } =>
            new Fault(FaultKind.Unreachable, thing, $"no answer in time: {OneLine(exception)}", "Check that what it asks is there and not overloaded."),
        HttpRequestException when TlsFlaw.In(exception) is { } flaw => new Fault(FaultKind.NotAuthorised, thing, flaw.Cause, flaw.NextStep),
        // Of any library: the other side of a connection is not there (any more).
        SocketException or HttpRequestException or IOException { InnerException: SocketException } or DbException { IsTransient: true } =>
            new Fault(FaultKind.Unreachable, thing, $"the connection failed: {OneLine(exception)}", "Check that what it connects to runs and can be reached."),
        // Wherever it was written to: the lake, a journal, the files of a run.
        _ when DiskErrors.IsFull(exception) => new Fault(FaultKind.StorageFull, thing, $"no space is left on the disk: {OneLine(exception)}", "Free space there."),
        _ when DiskErrors.IsReadOnly(exception) => new Fault(FaultKind.StorageFull, thing, $"the file system is read-only: {OneLine(exception)}", "Mount it for writing."),
        OutOfMemoryException => new Fault(FaultKind.TooLarge, thing, "it needs more memory than this process may use", "Give the process more memory, or the work smaller pieces."),
        _ => new Fault(FaultKind.Defect, thing, $"an error that should not happen: {OneLine(exception)} ({exception.GetType().Name})", "Report it with its stack, which is in the log."),
    };

    public override string ToString() => $"{Thing}: {Cause}. {NextStep}";

    private static string OneLine(Exception exception) => exception.Message.ReplaceLineEndings(" ").TrimEnd('.');
}
