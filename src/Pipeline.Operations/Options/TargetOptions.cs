using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta.Places;

namespace Pipeline.Operations.Options;

/// <summary>Another lake in which the pipeline's tables are made of a sample: a section of <c>targets</c>.</summary>
public sealed record TargetOptions
{
    public required string Name { get; init; }

    /// <summary>Where its tables are: not in the pipeline's own lake or another target's, nor around it. A bucket is reached as the pipeline's own is.</summary>
    public required LakeOptions Lake { get; init; }

    /// <summary>So many rows of each Bronze table are taken. Default 1,000, from 1 to 1,000,000. More is nearer to the truth and takes longer.</summary>
    public int SampleRows { get; init; } = 1000;

    internal static IReadOnlyList<TargetOptions> BindAll(SettingsReader settings, LakeOptions own)
    {
        var targets = new List<TargetOptions>();
        foreach (var (name, target) in settings.Children()) targets.Add(Bind(name, target, own, targets));
        settings.Complete();
        return targets;
    }

    /// <exception cref="PipelineException">There is none of this name.</exception>
    internal static TargetOptions Find(IReadOnlyList<TargetOptions> targets, string name) => targets.FirstOrDefault(target => target.Name == name)
        ?? throw new PipelineException(FaultKind.Missing, $"Target {name}", "it is not configured", targets.Count == 0
            ? $"Add to the configuration: pipeline.targets.{name}.lake = \"./lake-{name}\""
            : $"Correct it{SettingsReader.Nearest(name, targets.Select(target => target.Name))} Configured are: {string.Join(", ", targets.Select(target => target.Name))}.");

    /// <param name="before">Those whose lakes it may not share.</param>
    private static TargetOptions Bind(string name, SettingsReader settings, LakeOptions own, IReadOnlyList<TargetOptions> before)
    {
        var target = new TargetOptions { Name = name, Lake = own with { Location = settings.String("lake"), Places = TablePlaces.None }, SampleRows = settings.Int("sample-rows", 1000, 1, 1_000_000) };
        var place = LakePlace.Of(target.Lake);
        if (place.Meets(LakePlace.Of(own))) settings.Report("lake", "is the pipeline's own lake, or in it, or around it. Write another place");
        if (own.Places.Locations.Values.FirstOrDefault(location => place.Meets(LakePlace.Of(location.Address))) is { } taken)
            settings.Report("lake", $"is the pipeline's location '{taken.Name}', or in it, or around it. Write another place");
        if (before.FirstOrDefault(other => place.Meets(LakePlace.Of(other.Lake))) is { } met)
            settings.Report("lake", $"is the lake of target '{met.Name}', or in it, or around it: each would take the other's sample for its own. Write another place");
        settings.Complete();
        return target;
    }
}
