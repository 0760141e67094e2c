package dev.caisson.namespace.plan;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class OverlayLayersTest {
    private static String layers(String directory, int count) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < count; i++) {
            out.append(i == 0 ? "" : ":")
                    .append(directory)
                    .append('/')
                    .append(i)
                    .append("/fs");
        }
        return out.toString();
    }

    @Test
    void whatFitsIsLeftAlone() {
        String data = "lowerdir=/a/1:/a/2,upperdir=/u,workdir=/w";
        assertThat(OverlayLayers.compact(data)).isEqualTo(new OverlayLayers(data, null));
    }

    @Test
    void theCommonDirectoryIsTakenOut() {
        String directory = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots";
        OverlayLayers layers =
                OverlayLayers.compact("index=off,lowerdir=" + layers(directory, 100) + ",upperdir=/u,workdir=/w");
        assertThat(layers.directory()).isEqualTo(directory);
        assertThat(layers.data())
                .startsWith("index=off,lowerdir=0/fs:1/fs:")
                .endsWith(":99/fs,upperdir=/u,workdir=/w")
                .hasSizeLessThan(OverlayLayers.LIMIT);
    }

    @Test
    void aCommonBeginningOfNamesIsNoDirectory() {
        String long1 = "/layers/aaaa" + "x".repeat(3000);
        String long2 = "/layers/aaab" + "x".repeat(3000);
        assertThat(OverlayLayers.compact("lowerdir=" + long1 + ":" + long2).directory())
                .isEqualTo("/layers");
    }

    @Test
    void quotedColonsAreNotCut() {
        String odd = "lowerdir=/l/a\\:b:/l/" + "x".repeat(5000);
        assertThat(OverlayLayers.compact(odd)).isEqualTo(new OverlayLayers(odd, null));
    }
}
