using System.Globalization;
using System.Text.Json;
using Pipeline.Core;

namespace Pipeline.Transform.Jobs.Rebuild;

/// <summary>A claim as it lies in the lake.</summary>
/// <param name="Started">When the process was started, in its system's own ticks: another process of the same number has another.</param>
/// <param name="RenewedAt">By the owner's clock.</param>
/// <param name="IsHeld">Somebody is at it; not: it was given back.</param>
/// <param name="Building">The fingerprint of what is being built; null: nothing that is of use.</param>
internal sealed record RebuildClaimForm(string Token, string Host, int Process, string? Started, DateTimeOffset Since, DateTimeOffset RenewedAt, bool IsHeld, string? Building)
{
    /// <summary>The time after which an owner on another machine who has not been heard of is gone.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    /// <summary>Rows of Bronze that a run of it may read, because one was too large; null: as many as any.</summary>
    public long? RowsMax { get; init; }

    public static RebuildClaimForm Mine(DateTimeOffset now) =>
        new(Guid.NewGuid().ToString("N"), Environment.MachineName, Environment.ProcessId, StartOf(Environment.ProcessId), now, now, IsHeld: true, Building: null);

    /// <summary>Whether its owner is still there: on this machine the process shows it, of others the time of the last word.</summary>
    /// <param name="isOwn">Whether a token is of a claim that this process holds.</param>
    public bool IsAtIt(DateTimeOffset now, Func<string, bool> isOwn) => IsHeld
        && (Host != Environment.MachineName ? now - RenewedAt < Lease : Process == Environment.ProcessId && Started == StartOf(Process) ? isOwn(Token) : Started is not null && Started == StartOf(Process));

    public byte[] ToUtf8() => JsonSerializer.SerializeToUtf8Bytes(this, Json.Options);

    public static RebuildClaimForm? TryRead(byte[] utf8)
    {
        try
        {
            return JsonSerializer.Deserialize<RebuildClaimForm>(utf8, Json.Options);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            return null;
        }
    }

    /// <summary>Null: there is no such process, or it has ended.</summary>
    private static string? StartOf(int process)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{process.ToString(CultureInfo.InvariantCulture)}/stat");
            // The name before may hold anything.
            var fields = text[(text.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return fields is [not ("Z" or "X"), ..] && fields.Length > 19 ? fields[19] : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
