using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Jobs.Remote;

/// <summary>
/// Who may do something that must not be done twice, as objects that are written once: a claim, what its owner does, and that it is over.
/// The oldest may be gone.
/// </summary>
/// <param name="directory">With a slash at its end, for nothing else of such names.</param>
internal sealed class Claims(IObjectStore store, string directory)
{
    /// <summary>All of them, in their order.</summary>
    /// <exception cref="PipelineException">One cannot be read.</exception>
    public async ValueTask<ImmutableArray<RunClaim>> ReadAsync(CancellationToken cancellationToken)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var found in store.ListAsync(directory, startAt: null, cancellationToken)) names.Add(found.Path[directory.Length..]);
        var claims = ImmutableArray.CreateBuilder<RunClaim>();
        for (var number = names.Select(name => NumberOf(name, ClaimPrefix)).OfType<int>().DefaultIfEmpty(1).Min(); names.Contains(ClaimName(number)); number++)
        {
            if (await ReadAsync<ClaimForm>(directory + ClaimName(number), cancellationToken) is not { } claim) continue;
            var fate = names.Contains(OverName(number)) ? ClaimFate.Over : names.Contains(FateName(number)) ? await FateAsync(directory + FateName(number), cancellationToken) : ClaimFate.Open;
            claims.Add(new RunClaim(number, claim.Execution, claim.Document, claim.Pins, claim.At, fate));
        }

        return claims.ToImmutable();
    }

    /// <summary>Whether the claim of this number is ours now: nobody else has it.</summary>
    public async ValueTask<bool> TryPutAsync(RunClaim claim, CancellationToken cancellationToken)
    {
        var form = new ClaimForm(claim.Execution, claim.Document, claim.Pins, claim.At);
        return await PutFirstAsync(directory + ClaimName(claim.Number), form, cancellationToken) is { } first && first.Execution == claim.Execution;
    }

    /// <summary>Writes what becomes of a claim, unless it is written already; returns what has become of it.</summary>
    public async ValueTask<ClaimFate> DecideAsync(int number, ClaimFate fate, string by, CancellationToken cancellationToken)
    {
        var written = await PutFirstAsync(directory + FateName(number), new FateForm(fate, by), cancellationToken);
        // Two who decide the same are told apart: only the owner sends.
        return written is null || written.By != by ? ClaimFate.Dropped : written.Fate;
    }

    public async ValueTask CloseAsync(int number, CancellationToken cancellationToken) =>
        await store.PutIfAbsentAsync(directory + OverName(number), "{}"u8.ToArray(), cancellationToken);

    /// <summary>The number of the claim that an object belongs to, by its name; null: to none.</summary>
    public static int? NumberOf(string name)
    {
        foreach (var prefix in (string[])[ClaimPrefix, FatePrefix, OverPrefix])
            if (NumberOf(name, prefix) is { } number) return number;
        return null;
    }

    private static int? NumberOf(string name, string prefix) =>
        name.StartsWith(prefix, StringComparison.Ordinal) && name.EndsWith(Suffix, StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(prefix.Length, name.Length - prefix.Length - Suffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private const string ClaimPrefix = "claim-";
    private const string FatePrefix = "fate-";
    private const string OverPrefix = "over-";
    private const string Suffix = ".json";

    private static string ClaimName(int number) => ClaimPrefix + number.ToString(CultureInfo.InvariantCulture) + Suffix;

    private static string FateName(int number) => FatePrefix + number.ToString(CultureInfo.InvariantCulture) + Suffix;

    private static string OverName(int number) => OverPrefix + number.ToString(CultureInfo.InvariantCulture) + Suffix;

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

    private sealed record ClaimForm(string Execution, string Document, JobPins? Pins, DateTimeOffset At);

    private sealed record FateForm(ClaimFate Fate, string By);
}

/// <summary>A claim as the artifacts have it.</summary>
/// <param name="Pins">The run: whoever plans it anew while it is executed takes these. Null: it is no run's.</param>
internal sealed record RunClaim(int Number, string Execution, string Document, JobPins? Pins, DateTimeOffset At, ClaimFate Fate);
