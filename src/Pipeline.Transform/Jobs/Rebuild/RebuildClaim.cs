using System.Collections.Concurrent;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Jobs.Rebuild;

/// <summary>
/// Who builds a table beside a live one: one at a time, whatever rebuild comes to it. Claims are numbered objects that are written once, and the
/// highest counts: who takes over takes the next number, and who had the one before commits nothing more.
/// </summary>
internal sealed class RebuildClaim : IAsyncDisposable
{
    private const string Suffix = ".json";

    private static readonly TimeSpan RenewInterval = TimeSpan.FromSeconds(10);

    /// <summary>Tokens of this process's own claims.</summary>
    private static readonly ConcurrentDictionary<string, byte> Own = new(StringComparer.Ordinal);

    private readonly CancellationTokenSource _stop = new();
    private readonly IObjectStore _store;
    private readonly TimeProvider _time;
    private readonly TableId _table;
    private readonly long _number;
    private readonly SemaphoreSlim _writing = new(1);
    private RebuildClaimForm _form;
    private Task? _renewing;

    private RebuildClaim(IObjectStore store, TableId table, TimeProvider time, long number, RebuildClaimForm form) =>
        (_store, _table, _time, _number, _form) = (store, table, time, number, form);

    /// <summary>The fingerprint of what is being built there; null: nothing that is of use.</summary>
    public string? Building => _form.Building;

    /// <summary>Rows of Bronze that a run of what is being built may read; null: as many as any.</summary>
    public long? RowsMax => _form.RowsMax;

    private string Path => PathOf(_table, _number);

    /// <summary>Takes the place beside a table. What one who is gone was building there goes on.</summary>
    /// <exception cref="PipelineException">Somebody else is at it, or the store fails.</exception>
    public static async ValueTask<RebuildClaim> TakeAsync(IObjectStore store, TableId table, TimeProvider time, CancellationToken cancellationToken)
    {
        var (number, last) = await NewestAsync(store, table, cancellationToken);
        var now = time.GetUtcNow();
        if (last?.IsAtIt(now, Own.ContainsKey) == true) throw Held(table, last);
        var claim = new RebuildClaim(store, table, time, number + 1, RebuildClaimForm.Mine(now) with { Building = last?.Building, RowsMax = last?.RowsMax });
        // Before it can be seen: one of this process's that it does not know is nobody's.
        Own.TryAdd(claim._form.Token, 0);
        try
        {
            await store.PutIfAbsentAsync(claim.Path, claim._form.ToUtf8(), cancellationToken);
            // Its answer may have been lost, and somebody may have been faster.
            await claim.RequireAsync(cancellationToken);
            await claim.RemoveOlderAsync(cancellationToken);
            claim._renewing = Background.FailureAsync(claim.RenewAsync, claim._stop.Token);
            return claim;
        }
        finally
        {
            if (claim._renewing is null) Own.TryRemove(claim._form.Token, out _);
        }
    }

    /// <summary>Notes what is being built.</summary>
    /// <exception cref="PipelineException">Somebody else has taken the place meanwhile.</exception>
    public ValueTask BuildAsync(string? fingerprint, CancellationToken cancellationToken) => SayAsync(form => form with { Building = fingerprint, RowsMax = null }, cancellationToken);

    /// <summary>Notes that a run of what is being built was too large.</summary>
    /// <exception cref="PipelineException">Somebody else has taken the place meanwhile.</exception>
    public ValueTask ReadAtMostAsync(long rows, CancellationToken cancellationToken) => SayAsync(form => form with { RowsMax = rows }, cancellationToken);

    /// <exception cref="PipelineException">Somebody else has taken the place meanwhile.</exception>
    public async ValueTask RequireAsync(CancellationToken cancellationToken)
    {
        var (_, newest) = await NewestAsync(_store, _table, cancellationToken);
        if (newest?.Token != _form.Token) throw Held(_table, newest);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_renewing is not null) await _renewing;
        Own.TryRemove(_form.Token, out _);
        // Where that cannot be written, or not in time, it runs out.
        using (var late = new CancellationTokenSource(RebuildClaimForm.Lease, _time))
            await Background.FailureAsync(cancel => SayAsync(form => form with { IsHeld = false }, cancel), late.Token);
        _writing.Dispose();
        _stop.Dispose();
    }

    private static PipelineException Held(TableId table, RebuildClaimForm? by) =>
        new(FaultKind.Unreachable, $"Table {table}", by is not { IsHeld: true } ? "what is being rebuilt beside it was taken over" : string.Create(CultureInfo.InvariantCulture, $"it is being rebuilt by process {by.Process} on {by.Host}, since {by.Since.InWords()}"),
            "Wait until that has ended. What was done of this rebuild is kept: asked for again, it goes on.");

    private static string DirectoryOf(TableId table) => $"_pipeline/rebuilding/{table.ToString().Replace('/', '.')}/";

    private static string PathOf(TableId table, long number) => $"{DirectoryOf(table)}{number.ToString("D10", CultureInfo.InvariantCulture)}{Suffix}";

    private static async ValueTask<List<long>> NumbersAsync(IObjectStore store, TableId table, CancellationToken cancellationToken)
    {
        var (directory, numbers) = (DirectoryOf(table), new List<long>());
        await foreach (var found in store.ListAsync(directory, startAt: null, cancellationToken))
            if (found.Path.EndsWith(Suffix, StringComparison.Ordinal) && long.TryParse(found.Path.AsSpan(directory.Length, found.Path.Length - directory.Length - Suffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)) numbers.Add(number);
        return numbers;
    }

    /// <summary>What cannot be read claims nothing.</summary>
    private static async ValueTask<(long Number, RebuildClaimForm? Form)> NewestAsync(IObjectStore store, TableId table, CancellationToken cancellationToken)
    {
        var newest = (await NumbersAsync(store, table, cancellationToken)).DefaultIfEmpty(0).Max();
        return (newest, newest > 0 && await store.TryGetAsync(PathOf(table, newest), cancellationToken) is { } utf8 ? RebuildClaimForm.TryRead(utf8) : null);
    }

    /// <summary>The highest stays, also when nobody has it: numbers never begin again.</summary>
    private async ValueTask RemoveOlderAsync(CancellationToken cancellationToken)
    {
        foreach (var number in (await NumbersAsync(_store, _table, cancellationToken)).Where(number => number < _number))
            await _store.DeleteAsync(PathOf(_table, number), cancellationToken);
    }

    private async ValueTask RenewAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(RenewInterval, _time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
            await Background.FailureAsync(cancel => SayAsync(form => form, cancel), cancellationToken);
    }

    private async ValueTask SayAsync(Func<RebuildClaimForm, RebuildClaimForm> change, CancellationToken cancellationToken)
    {
        await RequireAsync(cancellationToken);
        await _writing.WaitAsync(cancellationToken);
        try
        {
            var form = change(_form) with { RenewedAt = _time.GetUtcNow() };
            await _store.PutAsync(Path, form.ToUtf8(), cancellationToken);
            _form = form;
        }
        finally
        {
            _writing.Release();
        }
    }
}
