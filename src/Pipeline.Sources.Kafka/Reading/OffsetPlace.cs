using System.Globalization;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>
/// A place in a topic as people write it: a time, or <c>PARTITION:OFFSET</c> of one with a single partition. Offsets of several are no place in all of them:
/// what comes again is newer than what does not, and an older record of a key would beat a later one of it in another partition.
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
                throw new PipelineException(FaultKind.Invalid, thing, $"'{text}' is no place in a topic", "Write a time, 2026-11-30T08:00:00Z, or PARTITION:OFFSET of a topic with one partition: 0:100.");
        }

        return new OffsetPlace(At: null, offsets);
    }

    /// <summary>The parts that begin there: of a partition that has no record of the time or later, behind its last.</summary>
    /// <param name="partitions">All that the topic has: the first offset that each has, the one behind its last record, and the first of the time; null: nobody has said, or there is none.</param>
    /// <exception cref="PipelineException">A partition is not there or does not answer, it has no records of that offset any more, or the topic has several and offsets are named.</exception>
    public IReadOnlyList<SplitPart> PartsOf(string thing, IReadOnlyList<(SplitId Split, int Partition, long? Beginning, long? End, long? OfTime)> partitions)
    {
        foreach (var number in Offsets.Keys.Where(number => partitions.All(partition => partition.Partition != number)))
            throw new PipelineException(FaultKind.Invalid, thing, $"it has no partition {number}", "Name partitions that it has: './pipeline show' tells them of the table.");
        if (At is null && partitions.Count > 1)
            throw new PipelineException(FaultKind.Invalid, thing, $"it has {Plural.Of(partitions.Count, "partition")}, and records that come again would beat later ones of their keys in another, which do not", "Begin at a time, which is a place in each of them: 2026-11-30T08:00:00Z.");
        var parts = new List<SplitPart>();
        foreach (var (split, number, beginning, end, ofTime) in partitions)
        {
            if (beginning is not { } first || end is not { } last) throw new PipelineException(FaultKind.Unreachable, thing, $"partition {number} does not say which records it has", "Look whether its leader runs, and plan it again.");
            var from = At is null ? Offsets[number] : ofTime ?? last;
            if (from < first) throw new PipelineException(FaultKind.Invalid, thing, $"partition {number} has no records before {first} any more, and {from} is asked for", $"Begin at {number}:{first} or later.");
            parts.Add(new SplitPart(split, from));
        }

        return parts;
    }
}
