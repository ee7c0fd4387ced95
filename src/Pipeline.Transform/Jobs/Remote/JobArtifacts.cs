using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Jobs.Remote;

/// <summary>
/// What is laid down for engines elsewhere and for those who run the same runs: documents, answers, and who may submit what. Each
/// object is written once.
/// </summary>
/// <remarks>
/// <code>
/// TABLE/RUN/document-SHA256.json   what shall be executed
/// TABLE/RUN/claim-N.json           who may submit an execution of it
/// TABLE/RUN/fate-N.json            whether he does
/// TABLE/RUN/over-N.json            the execution has ended
/// TABLE/RUN/answer-EXECUTION.json  what it has done
/// program/SHA256/NAME              what executes it
/// </code>
/// </remarks>
public sealed class JobArtifacts(IObjectStore store)
{
    public IObjectStore Store => store;

    /// <summary>As those elsewhere call it.</summary>
    public string UriOf(string path) => $"{store.Location}/{path}";

    public static string AnswerOf(JobName name) => $"{RunOf(name.Table, name.Run)}answer-{name.Execution}.json";

    /// <summary>Lays down a document; returns its path.</summary>
    public async ValueTask<string> PutDocumentAsync(TableId table, long run, ReadOnlyMemory<byte> utf8, CancellationToken cancellationToken)
    {
        var path = $"{RunOf(table, run)}document-{JobDocument.Sha256Of(utf8.Span)}.json";
        // Whoever was first has put the same bytes.
        await store.PutIfAbsentAsync(path, utf8, cancellationToken);
        return path;
    }

    /// <summary>Lays down a program under the SHA-256 of its bytes; returns its path.</summary>
    public async ValueTask<string> PutProgramAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var path = $"program/{JobDocument.Sha256Of(content.Span)}/{name}";
        if (await store.TryStatAsync(path, cancellationToken) is null) await store.PutIfAbsentAsync(path, content, cancellationToken);
        return path;
    }

    /// <summary>What an execution has answered; null: nothing yet.</summary>
    /// <exception cref="PipelineException">It cannot be read.</exception>
    public async ValueTask<JobAnswer?> AnswerAsync(JobName name, CancellationToken cancellationToken)
    {
        if (await store.TryGetAsync(AnswerOf(name), cancellationToken) is not { } json) return null;
        try
        {
            return JobAnswer.Read(json);
        }
        catch (JsonException e)
        {
            throw CheckedAnswer.Wrong($"{name.Table}#{name.Run}", $"{UriOf(AnswerOf(name))} cannot be read: {DataFaults.Cause(e)}", e);
        }
    }

    /// <summary>The claims of a run, in their order.</summary>
    internal async ValueTask<ImmutableArray<RunClaim>> ClaimsAsync(TableId table, long run, CancellationToken cancellationToken)
    {
        var directory = RunOf(table, run);
        var names = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var found in store.ListAsync(directory, startAt: null, cancellationToken)) names.Add(found.Path[directory.Length..]);
        var claims = ImmutableArray.CreateBuilder<RunClaim>();
        for (var number = 1; names.Contains(ClaimName(number)); number++)
        {
            if (await ReadAsync<ClaimForm>(directory + ClaimName(number), cancellationToken) is not { } claim) continue;
            var fate = names.Contains(OverName(number)) ? ClaimFate.Over : names.Contains(FateName(number)) ? await FateAsync(directory + FateName(number), cancellationToken) : ClaimFate.Open;
            claims.Add(new RunClaim(number, claim.Execution, claim.Document, claim.Pins, claim.At, fate));
        }

        return claims.ToImmutable();
    }

    /// <summary>Whether the claim of this number is ours now: nobody else has it.</summary>
    internal async ValueTask<bool> TryClaimAsync(TableId table, long run, RunClaim claim, CancellationToken cancellationToken)
    {
        var form = new ClaimForm(claim.Execution, claim.Document, claim.Pins, claim.At);
        return await PutFirstAsync($"{RunOf(table, run)}{ClaimName(claim.Number)}", form, cancellationToken) is { } first && first.Execution == claim.Execution;
    }

    /// <summary>Writes what becomes of a claim, unless it is written already; returns what has become of it.</summary>
    internal async ValueTask<ClaimFate> DecideAsync(TableId table, long run, int number, ClaimFate fate, string by, CancellationToken cancellationToken)
    {
        var written = await PutFirstAsync($"{RunOf(table, run)}{FateName(number)}", new FateForm(fate, by), cancellationToken);
        // Two who decide the same are told apart: only the owner sends.
        return written is null || written.By != by ? ClaimFate.Dropped : written.Fate;
    }

    internal async ValueTask CloseAsync(TableId table, long run, int number, CancellationToken cancellationToken) =>
        await store.PutIfAbsentAsync($"{RunOf(table, run)}{OverName(number)}", "{}"u8.ToArray(), cancellationToken);

    private static string RunOf(TableId table, long run) => $"{table}/{run.ToString(CultureInfo.InvariantCulture)}/";

    private static string ClaimName(int number) => $"claim-{number.ToString(CultureInfo.InvariantCulture)}.json";

    private static string FateName(int number) => $"fate-{number.ToString(CultureInfo.InvariantCulture)}.json";

    private static string OverName(int number) => $"over-{number.ToString(CultureInfo.InvariantCulture)}.json";

    private async ValueTask<ClaimFate> FateAsync(string path, CancellationToken cancellationToken) => (await ReadAsync<FateForm>(path, cancellationToken))?.Fate ?? ClaimFate.Open;

    /// <summary>What is there after it: ours, or what another has put first. Null: it is gone again.</summary>
    private async ValueTask<T?> PutFirstAsync<T>(string path, T form, CancellationToken cancellationToken) where T : class =>
        await store.PutIfAbsentAsync(path, JsonSerializer.SerializeToUtf8Bytes(form, Json.Options), cancellationToken) == PutOutcome.Created ? form : await ReadAsync<T>(path, cancellationToken);

    private async ValueTask<T?> ReadAsync<T>(string path, CancellationToken cancellationToken) where T : class
    {
        if (await store.TryGetAsync(path, cancellationToken) is not { } json) return null;
        try
        {
            return JsonSerializer.Deserialize<T>(json, Json.Options) ?? throw new JsonException("It is null.");
        }
        catch (JsonException e)
        {
            throw new PipelineException(FaultKind.Damaged, $"Object {path} in {store.Location}", $"it does not say who submits what: {DataFaults.Cause(e)}",
                "Delete the directory that it lies in when no execution of that run goes on.", e);
        }
    }

    private sealed record ClaimForm(string Execution, string Document, JobPins Pins, DateTimeOffset At);

    private sealed record FateForm(ClaimFate Fate, string By);
}

/// <summary>A claim as the artifacts have it.</summary>
/// <param name="Pins">The run: whoever plans it anew while it is executed takes these.</param>
internal sealed record RunClaim(int Number, string Execution, string Document, JobPins Pins, DateTimeOffset At, ClaimFate Fate);
