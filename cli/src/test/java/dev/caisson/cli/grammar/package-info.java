@NullMarked
package dev.caisson.cli.grammar;

import org.jspecify.annotations.NullMarked;
