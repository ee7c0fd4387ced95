using System.Globalization;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Client;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// A place in a topic as people write it: a time, or <c>PARTITION:OFFSET</c>. Where all is read again from there on, a topic with several partitions needs a time, which is
/// a place in all of them: what comes again is newer then than what does not, and an older record of a key would beat a later one of it in another partition.
/// </summary>
/// <param name="At">Null: an offset is named.</param>
/// <param name="Offsets">By partition; none with a time.</param>
internal sealed record OffsetPlace(DateTimeOffset? At, IReadOnlyDictionary<int, long> Offsets)
{
    /// <exception cref="PipelineException">It is none.</exception>
    public static OffsetPlace Parse(string text, string thing)
    {
        // A time of day has its colons behind a date.
        if (text.Contains('-', StringComparison.Ordinal)) return new OffsetPlace(Moments.OfMicroseconds(DateTimeOffset.UnixEpoch, WatermarkPlace.Parse(text, isTimestamp: true, hasZone: true, thing)), new Dictionary<int, long>());
        var offsets = new Dictionary<int, long>();
        foreach (var part in text.Split(','))
        {
            if (part.Split(':') is not [var partition, var offset] || !int.TryParse(partition, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                || !long.TryParse(offset, NumberStyles.None, CultureInfo.InvariantCulture, out var at) || !offsets.TryAdd(number, at))
                throw new PipelineException(FaultKind.Invalid, thing, $"'{text}' is no place in a topic", "Write a time, 2026-11-30T08:00:00Z, or PARTITION:OFFSET: 0:100.");
        }

        return new OffsetPlace(At: null, offsets);
    }

    /// <summary>The parts that begin there: of a partition that has no record of the time or later, behind its last.</summary>
    /// <param name="partitions">All that the topic has.</param>
    /// <param name="to">Where the parts end. Then the records keep their order, and a part may be one of some partitions alone: of those that both places name, and that have something between them. Null: they do not end.</param>
    /// <exception cref="PipelineException">A partition is not there or does not answer, it has no records of that offset any more, or a place says nothing of what the other names.</exception>
    public IReadOnlyList<SplitPart> PartsOf(string thing, IReadOnlyList<AskedPartition> partitions, OffsetPlace? to = null)
    {
        foreach (var number in Offsets.Keys.Concat(to?.Offsets.Keys ?? []).Where(number => partitions.All(partition => partition.Number != number)))
            throw new PipelineException(FaultKind.Invalid, thing, $"it has no partition {number}", "Name partitions that it has: './pipeline show' tells them of the table.");
        if (to is null && At is null && partitions.Count > 1)
            throw new PipelineException(FaultKind.Invalid, thing, $"it has {Plural.Of(partitions.Count, "partition")}, and records that come again would beat later ones of their keys in another, which do not", "Begin at a time, which is a place in each of them: 2026-11-30T08:00:00Z.");
        if (to is { At: null } && At is null && !to.Offsets.Keys.ToHashSet().SetEquals(Offsets.Keys))
            throw new PipelineException(FaultKind.Invalid, thing, "the part begins in other partitions than it ends in", "Name the same partitions in both: --from 0:20 --to 0:40.");
        if (to?.At <= At)
            throw new PipelineException(FaultKind.Invalid, thing, "the part ends before it begins", "Write an end that is later than the beginning: it is not of the part itself.");
        var parts = new List<SplitPart>();
        foreach (var asked in partitions.Where(asked => Names(asked.Number) && to?.Names(asked.Number) != false))
        {
            var number = asked.Number;
            if (asked.Beginning is not { } first || asked.End is not { } last || (At is not null && asked.OfTime is null) || (to?.At is not null && asked.OfEndTime is null))
                throw new PipelineException(FaultKind.Unreachable, thing, $"partition {number} does not say which records it has", "Look whether its leader runs, and plan it again.");
            var from = OffsetOf(number, asked.OfTime, last);
            if (from < first) throw new PipelineException(FaultKind.Invalid, thing, $"partition {number} has no records before {first} any more, and {from} is asked for", $"Begin at {number}:{first} or later.");
            var end = to?.OffsetOf(number, asked.OfEndTime, last);
            // Nobody has named an offset in it.
            if (end <= from && At is not null && to!.At is not null) continue;
            parts.Add(new SplitPart(asked.Split, from, end));
        }

        return parts;
    }

    private long OffsetOf(int partition, long? ofTime, long last) => At is null ? Offsets[partition] : ofTime is null or EndQuestion.None ? last : ofTime.Value;

    private bool Names(int partition) => At is not null || Offsets.ContainsKey(partition);
}

/// <summary>What a partition has said of places in it; what is null, nobody has said, or was asked.</summary>
/// <param name="Beginning">The first offset that it has.</param>
/// <param name="End">The one behind its last record.</param>
/// <param name="OfTime">The first offset of the time at which a part begins, or of a later one; <see cref="EndQuestion.None"/>: it has no such record.</param>
/// <param name="OfEndTime">The same of the time at which it ends.</param>
internal readonly record struct AskedPartition(SplitId Split, int Number, long? Beginning, long? End, long? OfTime = null, long? OfEndTime = null);
