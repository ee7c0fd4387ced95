namespace Pipeline.Aws;

/// <summary>What an answer that is no success means for the same request.</summary>
internal enum AwsReaction
{
    /// <summary>It was not carried out, because too many were made: again after a pause.</summary>
    Throttled,

    /// <summary>It may have been carried out or not: again after a pause, if it may be carried out twice.</summary>
    Unsettled,

    /// <summary>The session's credentials have run out: again with fresh ones.</summary>
    Expired,

    /// <summary>The signature is not valid, or not at this time: again if this machine's clock was the reason.</summary>
    Unsigned,

    /// <summary>It was not carried out, and asking again at once does not change that.</summary>
    Refused,
}
