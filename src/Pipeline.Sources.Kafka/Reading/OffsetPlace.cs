using System.Globalization;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>A place in a topic as people write it: a time, or <c>PARTITION:OFFSET</c>, with commas between several.</summary>
/// <param name="At">Null: offsets are named.</param>
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
                throw new PipelineException(FaultKind.Invalid, thing, $"'{text}' is no place in a topic", "Write PARTITION:OFFSET of each partition that is to be read again, 0:100,1:200, or a time: 2026-11-30T08:00:00Z.");
        }

        return new OffsetPlace(At: null, offsets);
    }

    public bool IsAbout(int partition) => At is not null || Offsets.ContainsKey(partition);

    /// <summary>The parts that begin there.</summary>
    /// <param name="partitions">Those that it is about: the first offset that each has, the one behind its last record, and the first of the time; null: nobody has said, or there is none.</param>
    /// <exception cref="PipelineException">A partition is not there or does not answer, or it has no records of that offset any more.</exception>
    public IReadOnlyList<SplitPart> PartsOf(string thing, IReadOnlyList<(SplitId Split, int Partition, long? Beginning, long? End, long? OfTime)> partitions)
    {
        foreach (var number in Offsets.Keys.Where(number => partitions.All(partition => partition.Partition != number)))
            throw new PipelineException(FaultKind.Invalid, thing, $"it has no partition {number}", "Name partitions that it has: './pipeline show' tells them of the table.");
        var parts = new List<SplitPart>();
        foreach (var (split, number, beginning, end, ofTime) in partitions)
        {
            if (beginning is not { } first || end is not { } last) throw new PipelineException(FaultKind.Unreachable, thing, $"partition {number} does not say which records it has", "Look whether its leader runs, and plan it again.");
            var from = At is null ? Offsets[number] : ofTime ?? last;
            if (from < first) throw new PipelineException(FaultKind.Invalid, thing, $"partition {number} has no records before {first} any more, and {from} is asked for", $"Begin at {number}:{first} or later.");
            // Nothing of that time or later has come to it.
            if (At is null || from < last) parts.Add(new SplitPart(split, from));
        }

        return parts;
    }
}
