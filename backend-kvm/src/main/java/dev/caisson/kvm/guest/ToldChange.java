package dev.caisson.kvm.guest;

import com.google.protobuf.ByteString;
import dev.caisson.ttrpc.proto.guest.VolumeChange;
import org.jspecify.annotations.Nullable;

/**
 * What the guest's agent is told that the host has done to a volume: {@code VolumeChange} of guest.proto, which says what each part means. Names and
 * paths are bytes, as Linux has them.
 *
 * @param toDirectory null but for {@link Kind#MOVED}
 * @param toName null but for {@link Kind#MOVED}
 */
public record ToldChange(
        long sequence,
        long newest,
        Kind kind,
        int type,
        byte[] directory,
        byte[] name,
        byte @Nullable [] toDirectory,
        byte @Nullable [] toName,
        byte[] elsewhere) {

    /** What was done. */
    public enum Kind {
        CREATED(VolumeChange.Kind.CREATED),
        REMOVED(VolumeChange.Kind.REMOVED),
        MOVED(VolumeChange.Kind.MOVED),
        /** To where the guest knows no way. */
        MOVED_AWAY(VolumeChange.Kind.MOVED_AWAY),
        MOVED_HERE(VolumeChange.Kind.MOVED_HERE),
        MODIFIED(VolumeChange.Kind.MODIFIED),
        ATTRIBUTES_CHANGED(VolumeChange.Kind.ATTRIBUTES_CHANGED),
        /** By somebody who has closed it. */
        WRITTEN(VolumeChange.Kind.WRITTEN);

        private final VolumeChange.Kind told;

        Kind(VolumeChange.Kind told) {
            this.told = told;
        }
    }

    /** The message's bytes. */
    public byte[] encode() {
        VolumeChange.Builder message = VolumeChange.newBuilder()
                .setSequence(sequence)
                .setNewest(newest)
                .setKind(kind.told)
                .setType(type)
                .setDirectory(ByteString.copyFrom(directory))
                .setName(ByteString.copyFrom(name))
                .setElsewhere(ByteString.copyFrom(elsewhere));
        if (toDirectory != null && toName != null) {
            message.setToDirectory(ByteString.copyFrom(toDirectory)).setToName(ByteString.copyFrom(toName));
        }
        return message.build().toByteArray();
    }
}
